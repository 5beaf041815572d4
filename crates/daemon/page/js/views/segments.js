// One of a few choices, such as a filter, each with a count.

import * as format from "../format.js";
import { html } from "../html.js";
import { preferences } from "../preferences.js";

export function Segments({ label, options, value, choose }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${options.map((option) => html`<button type="button" key=${option.value} class="segment" aria-pressed=${option.value === value}
      onClick=${() => choose(option.value)}>${option.label}${option.count > 0 && html` <span class="badge${option.isBad ? " is-bad" : ""}">${format.count(option.count, preferences.state.language)}</span>`}</button>`)}
  </div>`;
}
