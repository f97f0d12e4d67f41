// Starts the page with the engine that config.json names.
import { App } from "./app.js";
import { tokens } from "./dialogs.js";
import { BrowserEngine } from "./engine-browser.js";
import { ServerEngine } from "./engine-server.js";
import { say } from "./status.js";
async function engine() {
    const answer = await fetch("config.json");
    if (!answer.ok)
        throw new Error(`config.json answers ${answer.status}`);
    const config = (await answer.json());
    return config.engine === "browser" ? new BrowserEngine(config) : new ServerEngine(config, tokens);
}
engine().then((found) => new App(found), (error) => say(`The page cannot start: ${error.message}. Reload it when its server is back.`, "problem"));
