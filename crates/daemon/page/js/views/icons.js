// Small drawings: decoration, so that readers of the screen skip them.

import { html } from "../html.js";

const PATHS = {
  add: "M8 3v10M3 8h10",
  pause: "M5.500 3.500v9M10.500 3.500v9",
  resume: "M5 3l8 5-8 5z",
  remove: "M4 4l8 8M12 4l-8 8",
  retry: "M13 8a5 5 0 1 1-1.500-3.500L13 6M13 2.500V6H9.500",
  up: "M8 13V3M4 7l4-4 4 4",
  down: "M8 3v10M4 9l4 4 4-4",
  first: "M3 3h10M8 13V6M5 9l3-3 3 3",
  last: "M3 13h10M8 3v7M5 7l3 3 3-3",
  back: "M10 3L5 8l5 5",
  save: "M8 2.500v7.500M5 7l3 3 3-3M3 13h10",
  copy: "M6 6h7v7H6zM10 6V3H3v7h3",
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.600 10.600L14 14",
  limits: "M3 12a5.500 5.500 0 1 1 10 0M8 10l2.500-4",
  file: "M4 2h5l3 3v9H4zM9 2v3h3",
  help: "M6 6a2 2 0 1 1 3 1.700c-.700.400-1 .800-1 1.800M8 12.200v.100",
  out: "M9 3H3v10h6M7 8h7M11 5l3 3-3 3",
  auto: "M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11",
  light: "M8 5.200a2.800 2.800 0 1 0 0 5.600 2.800 2.800 0 0 0 0-5.600M8 1.500v1.200M8 13.300v1.200M1.500 8h1.200M13.300 8h1.200M3.400 3.400l.850.850M11.750 11.750l.850.850M12.600 3.400l-.850.850M4.250 11.750l-.850.850",
  dark: "M13 9.500A5.500 5.500 0 1 1 6.500 3a4.300 4.300 0 0 0 6.500 6.500z",
  active: "M8 3v8M4.500 8L8 11.500 11.500 8",
  waiting: "M8 4.500V8l2.300 1.500",
  paused: "M6.300 5.500v5M9.700 5.500v5",
  done: "M5 8.200l2.200 2.200L11 6",
  failed: "M8 4.800v4M8 11v.200",
  removed: "M5.800 5.800l4.400 4.400M10.200 5.800l-4.400 4.400",
  skipped: "M5 8h6",
  unchanged: "M5 6.700h6M5 9.300h6",
};

export function Icon({ name }) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
}

/** A state as a shape and a colour; its name stands beside it. */
export function StateIcon({ state }) {
  return html`<svg class="state state-${state}" viewBox="0 0 16 16" aria-hidden="true">
    <circle cx="8" cy="8" r="7" /><path d=${PATHS[state]} />
  </svg>`;
}

/** A button that shows an icon, and says what it does. */
export function IconButton({ icon, label, press, ...rest }) {
  return html`<button type="button" class="icon-button" aria-label=${label} title=${label} onClick=${press} ...${rest}>
    <${Icon} name=${icon} />
  </button>`;
}
