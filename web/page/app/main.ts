// Starts the page with the engine that config.json names.

import { App } from "./app.js";
import { tokens } from "./dialogs.js";
import type { Engine } from "./engine.js";
import { BrowserEngine, type BrowserConfig } from "./engine-browser.js";
import { ServerEngine, type ServerConfig } from "./engine-server.js";
import { say } from "./status.js";

async function engine(): Promise<Engine> {
  const answer = await fetch("config.json");
  if (!answer.ok) throw new Error(`config.json answers ${answer.status}`);
  const config = (await answer.json()) as ServerConfig | BrowserConfig;
  return config.engine === "browser" ? new BrowserEngine(config) : new ServerEngine(config, tokens);
}

engine().then(
  (found) => new App(found),
  (error: Error) => say(`The page cannot start: ${error.message}. Reload it when its server is back.`, "problem"),
);
