// The service worker of a site that `lama-export --to web` wrote: after the first visit no network is needed, and every
// answer carries the headers by which browsers let WebAssembly use threads, which hosts of plain files do not send.
"use strict";

// version: of all files; files: what a visit needs, but for the model, which the package stores; later: kept once used.
const SITE = {};
const PREFIX = `lama-site ${self.registration.scope} `;
const STORE = PREFIX + SITE.version;
const ISOLATING = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", () => self.skipWaiting());

self.addEventListener("activate", (event) => event.waitUntil(forgetOthers().then(() => self.clients.claim())));

self.addEventListener("message", (event) => event.waitUntil(keepAll(event.source)));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && request.url.startsWith(self.registration.scope)) event.respondWith(answered(request));
});

/** Of earlier versions. */
async function forgetOthers() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith(PREFIX) && name !== STORE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

/** Tells the page once no visit needs the network. */
async function keepAll(client) {
  const store = await caches.open(STORE);
  for (const file of SITE.files) {
    const url = urlOf(file);
    // What the browser has already is asked about, and not fetched again.
    if (!(await store.match(url))) await store.add(new Request(url, { cache: "no-cache" }));
  }
  client?.postMessage("kept");
}

async function answered(request) {
  const file = fileOf(request.url);
  const store = await caches.open(STORE);
  const known = await store.match(urlOf(file));
  if (known) return isolating(known);
  const response = await fetch(request);
  if (response.status === 200 && (SITE.files.includes(file) || SITE.later.includes(file)))
    await store.put(urlOf(file), response.clone());
  return isolating(response);
}

function urlOf(file) {
  return new URL(file, self.registration.scope).href;
}

function fileOf(url) {
  const { origin, pathname } = new URL(url);
  return (origin + pathname).slice(self.registration.scope.length) || "index.html";
}

function isolating(response) {
  if (response.status === 0) return response;
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATING)) headers.set(name, value);
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}
