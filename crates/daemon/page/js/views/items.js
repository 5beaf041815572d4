// The items of a run: 10,000 of them as easily as ten.

import * as format from "../format.js";
import { html, useEffect, useRef, useState } from "../html.js";
import { PagedList } from "../paged-list.js";
import { progressOfItem } from "../progress.js";
import { useStore } from "../store.js";
import { nameOf, text } from "../texts.js";
import { Grid } from "./grid.js";
import { Icon, IconButton, StateIcon } from "./icons.js";
import { SearchField } from "./search-field.js";
import { Segments } from "./segments.js";

const FILTERS = { all: "", active: "active", done: "done,skipped,unchanged", failed: "failed" };

const columns = () => [
  { name: "name", label: text("column-file") },
  { name: "size", label: text("column-size") },
  { name: "rate", label: text("fact-state") },
];

function loader(daemon, run, filter, search) {
  return async (offset, limit) => {
    const answer = await daemon.api.get(`/runs/${encodeURIComponent(run.id)}/items`, { status: FILTERS[filter], search, offset, limit });
    return { total: answer.total, rows: answer.items.map((item) => ({ ...item, id: item.row })) };
  };
}

export function Items({ daemon, run }) {
  const [filter, setFilter] = useState(run.items.failed > 0 && run.state !== "active" ? "failed" : "all");
  const [search, setSearch] = useState("");
  const [opened, setOpened] = useState(null);
  const list = useRef(null);
  list.current ||= new PagedList(loader(daemon, run, filter, search), (failure) => daemon.report(failure));
  const shown = `${filter} ${search}`;
  const before = useRef(shown);
  useEffect(() => {
    if (before.current === shown) return;
    before.current = shown;
    setOpened(null);
    list.current.restart(loader(daemon, run, filter, search));
  }, [shown]);
  // The daemon tells when the run has changed, at most once a second.
  useEffect(() => {
    const refresh = () => document.hidden || list.current.refresh();
    refresh();
    document.addEventListener("visibilitychange", refresh);
    return () => document.removeEventListener("visibilitychange", refresh);
  }, [run]);

  const { done, skipped, failed, active, total } = run.items;
  const options = [
    { value: "all", label: text("filter-all"), count: total },
    { value: "active", label: text("filter-active"), count: active },
    { value: "done", label: text("filter-done"), count: done + skipped },
    { value: "failed", label: text("filter-failed"), count: failed, isBad: failed > 0 },
  ];
  const press = (event) => {
    if (event.key !== "Escape" || !opened) return;
    event.preventDefault();
    setOpened(null);
  };
  return html`<div class="items">
    <div class="items-tools">
      <${Segments} label=${text("show-items")} options=${options} value=${filter} choose=${setFilter} />
      <${SearchField} id="search-items" label=${text("search-items")} value=${search} change=${setSearch} />
    </div>
    <${Grid} id="items" label=${text("items")} list=${list.current} columns=${columns()} cells=${itemCells} selected=${opened ? opened.id : undefined}
      open=${setOpened} press=${press} empty=${html`<p>${search || filter !== "all" ? text("nothing-found") : text("no-items")}</p>`} keepEnd=${shown === "all "} />
    ${opened && html`<${Opened} item=${opened} list=${list.current} daemon=${daemon} close=${() => setOpened(null)} />`}
  </div>`;
}

function itemCells(item) {
  const fraction = progressOfItem(item);
  return html`
    <div role="gridcell" class="cell cell-name">
      <${StateIcon} state=${item.status} />
      <div class="stack">
        <span class="main-line" dir="auto" title=${item.path || item.url}>${item.path || lastPart(item.url)}</span>
        ${item.error
          ? html`<span class="sub-line bad" title=${item.error.message}>${item.error.message}</span>`
          : html`<span class="sub-line" title=${item.url}><span class="for-readers">${nameOf("status", item.status)} · </span>${item.url}</span>`}
      </div>
    </div>
    <div role="gridcell" class="cell cell-size">
      ${item.status === "active" && item.size
        ? html`<span>${format.percent(item.bytes, item.size)}</span><span class="soft"> ${text("of")} ${format.size(item.size)}</span>`
        : item.status === "failed" && !item.bytes ? "–" : format.size(item.bytes)}
      ${item.status === "active" && fraction !== null && html`<div class="mini" aria-hidden="true"><i style=${{ width: `${fraction * 100}%` }}></i></div>`}
    </div>
    <div role="gridcell" class="cell cell-rate">${item.status === "active" ? format.rate(item.rate) : html`<span class="soft">${nameOf("status", item.status)}</span>`}</div>`;
}

function lastPart(url) {
  return url.replace(/[?#].*$/s, "").split("/").filter(Boolean).pop() || url;
}

/** All of one item, with what to do about its failure. */
function Opened({ item, list, daemon, close }) {
  useStore(list.store, (state) => state.version);
  const index = list.indexOf(item.id);
  const now = index >= 0 ? list.row(index) : item;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(now.url);
      daemon.say(text("said-copied"));
    } catch {
      daemon.say(text("said-not-copied"));
    }
  };
  return html`<div class="opened" role="region" aria-label=${text("item-number", { n: now.row + 1 })}>
    <dl>
      <div><dt>URL</dt><dd class="long" dir="ltr">${now.url}</dd></div>
      ${now.path && html`<div><dt>${text("fact-file")}</dt><dd class="long" dir="auto">${now.path}</dd></div>`}
      ${now.line !== null && html`<div><dt>${text("fact-line")}</dt><dd>${now.line}</dd></div>`}
      ${now.error && html`<div><dt>${text("fact-reason")}</dt><dd class="long"><span class="bad">${now.error.message}</span>${now.error.hint && html`<br />${now.error.hint}`}</dd></div>`}
    </dl>
    <div class="opened-actions">
      <button type="button" class="button" onClick=${copy}><${Icon} name="copy" />${text("copy-url")}</button>
      <${IconButton} icon="remove" label=${text("close")} press=${close} />
    </div>
  </div>`;
}
