// What went wrong, until somebody has read it.

import { html } from "../html.js";
import { useStore } from "../store.js";
import { text } from "../texts.js";
import { IconButton, StateIcon } from "./icons.js";

export function Notices({ daemon }) {
  const notices = useStore(daemon.store, (state) => state.notices);
  return html`<div class="notices" role="alert">
    ${notices.map((notice) => html`<div class="notice" key=${notice.id}>
      <${StateIcon} state="failed" /><p>${notice.said}</p>
      <${IconButton} icon="remove" label=${text("dismiss")} press=${() => daemon.dismiss(notice.id)} />
    </div>`)}
  </div>`;
}

/** What a screen reader says when something has changed. */
export function Said({ announcer }) {
  const said = useStore(announcer.store, (state) => state.said);
  return html`<div class="for-readers" role="status" aria-live="polite">${said}</div>`;
}
