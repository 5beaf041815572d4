// Starts the page.

import { Daemon } from "./daemon.js";
import { html, render } from "./html.js";
import { applyPreferences } from "./preferences.js";
import { App } from "./views/app.js";

applyPreferences();
const daemon = new Daemon();
render(html`<${App} daemon=${daemon} />`, document.getElementById("page"));
daemon.start();
