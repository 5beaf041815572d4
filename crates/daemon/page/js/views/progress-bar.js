// A bar of what went well and what failed.

import { html } from "../html.js";

const part = (fraction) => ({ width: `${(fraction * 100).toFixed(2)}%` });

export function ProgressBar({ progress, state }) {
  return html`<div class="bar bar-${state}${progress === null ? " is-unknown" : ""}" aria-hidden="true">
    ${progress !== null && html`<i class="bar-good" style=${part(progress.good)}></i><i class="bar-bad" style=${part(progress.bad)}></i>`}
  </div>`;
}
