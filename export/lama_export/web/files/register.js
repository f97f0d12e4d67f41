// Starts the service worker of the site (offline.js). On hosts that do not send the headers by which browsers let
// WebAssembly use threads, the page loads once more on its first visit, with the worker's.
"use strict";

(() => {
  const workers = navigator.serviceWorker; // none on plain http, but for localhost
  if (!workers) return;
  const SOON = 3000; // milliseconds after the page began: later, somebody may be at work
  let begun = false;
  for (const event of ["pointerdown", "keydown", "drop", "paste"])
    addEventListener(event, () => (begun = true), { once: true, capture: true });
  const isFirst = !workers.controller;
  workers.addEventListener("controllerchange", () => {
    if (isFirst && !crossOriginIsolated && !begun && performance.now() < SOON) location.reload();
  });
  workers.addEventListener("message", ({ data }) => {
    if (data === "kept") document.documentElement.dataset.offline = "ready";
  });
  const keep = () => workers.ready.then(({ active }) => active.postMessage("keep"));
  workers.register("offline.js").then(
    () => (document.readyState === "complete" ? keep() : addEventListener("load", keep)),
    (error) => console.warn(`this site works online alone: ${error.message}`),
  );
})();
