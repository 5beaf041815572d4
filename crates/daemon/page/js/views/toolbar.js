// Adding, filtering and searching.

import { html } from "../html.js";
import { FILTERS } from "../daemon.js";
import { useStore } from "../store.js";
import { text } from "../texts.js";
import { Icon } from "./icons.js";
import { SearchField } from "./search-field.js";
import { Segments } from "./segments.js";

export function Toolbar({ daemon, add }) {
  const { filter, search, status } = useStore(daemon.store, (state) => state);
  const runs = status ? status.runs : { active: 0, waiting: 0, paused: 0, done: 0, failed: 0, removed: 0 };
  const counts = { all: 0, active: runs.active, waiting: runs.waiting + runs.paused, done: runs.done, failed: runs.failed };
  const options = Object.keys(FILTERS).map((value) => ({ value, label: text(`filter-${value}`), count: counts[value], isBad: value === "failed" }));
  return html`<div class="toolbar">
    <button type="button" class="button is-first" onClick=${add}><${Icon} name="add" />${text("add")}</button>
    <${Segments} label=${text("show-runs")} options=${options} value=${filter} choose=${(chosen) => daemon.show({ filter: chosen })} />
    <div class="spring"></div>
    ${runs.done + runs.failed + runs.removed > 0 && html`<button type="button" class="button is-quiet" onClick=${() => daemon.purge()}>${text("purge")}</button>`}
    <${SearchField} id="search" label=${text("search")} value=${search} change=${(next) => daemon.show({ search: next })} />
  </div>`;
}
