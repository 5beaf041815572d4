// What the keys do.

import { html } from "../html.js";
import { text } from "../texts.js";
import { Dialog } from "./dialog.js";

const KEYS = [
  [["↑", "↓", "Page ↑", "Page ↓", "Home", "End"], "key-move"],
  [["Enter"], "key-open"],
  [["Esc"], "key-close"],
  [["P"], "key-pause"],
  [["R"], "key-retry"],
  [["L"], "key-limits"],
  [["Delete"], "key-remove"],
  [["Alt ↑", "Alt ↓", "Alt Home", "Alt End"], "key-reorder"],
  [["A"], "key-add"],
  [["/"], "key-search"],
];

export function Help({ daemon, close }) {
  const { status } = daemon.store.state;
  return html`<${Dialog} id="help" title=${text("help-title")} close=${close} submit=${close} actions=${html`<button type="submit" class="button is-first" autofocus>${text("close")}</button>`}>
    <table class="keys"><tbody>${KEYS.map(([keys, key]) => html`<tr key=${key}><th scope="row">${keys.map((each) => html`<kbd key=${each}>${each}</kbd> `)}</th><td>${text(key)}</td></tr>`)}</tbody></table>
    <p class="soft">${text("help-keys")}</p>
    <p class="soft">haul ${status ? status.version : ""} · ${text("help-made-with")} preact, htm, uPlot</p>
  </${Dialog}>`;
}
