// A table of any number of rows, of which only the visible ones are drawn. The keyboard moves an
// active row.

import { html, useCallback, useEffect, useLayoutEffect, useRef, useState } from "../html.js";
import { useStore } from "../store.js";
import { heightOf, mostRows, scrollTopFor, visibleRows } from "../window.js";

/**
 * `list` is a PagedList; `columns` are `{ name, label }`; `cells(row)` draws what stands in them.
 * `open(row)` is called for a click and for Enter, `press(event, row)` for other keys. A row is as
 * high as the property `--row` of the style says.
 */
export function Grid({ id, label, list, columns, cells, selected, open, press, empty, keepEnd }) {
  const { total, version } = useStore(list.store, (state) => state);
  const grid = useRef();
  const [view, setView] = useState({ scrollTop: 0, viewport: 0, rowHeight: 44, head: 0 });
  const [active, setActive] = useState({ index: 0, id: undefined });
  const count = total || 0;

  const scrolled = useCallback(() => {
    const { scrollTop } = grid.current;
    setView((view) => (view.scrollTop === scrollTop ? view : { ...view, scrollTop }));
  }, []);
  const look = useCallback(() => {
    const element = grid.current;
    if (!element) return;
    const head = element.firstElementChild.offsetHeight;
    const rowHeight = parseFloat(getComputedStyle(element).getPropertyValue("--row"));
    const next = { scrollTop: element.scrollTop, viewport: element.clientHeight - head, rowHeight, head };
    setView((view) => (Object.keys(next).every((key) => next[key] === view[key]) ? view : next));
  }, []);
  useLayoutEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    observer.observe(grid.current);
    return () => observer.disconnect();
  }, []);

  const { first, last, top } = visibleRows({ ...view, count });
  useEffect(() => list.show(first, Math.max(first, last)), [list, first, last, total === null]);

  // Rows that are new at the top must not move those that somebody is reading.
  const before = useRef(count);
  useLayoutEffect(() => {
    const grown = count - before.current;
    before.current = count;
    if (keepEnd && grown > 0 && view.scrollTop > view.rowHeight) grid.current.scrollTop += grown * view.rowHeight;
  }, [count]);

  // The active row stays the same one when it moves.
  const found = active.id === undefined ? -1 : list.indexOf(active.id);
  const index = Math.min(found >= 0 ? found : active.index, Math.max(count - 1, 0));
  useEffect(() => {
    const row = list.row(index);
    if (active.id === undefined && row) setActive({ index, id: row.id });
  }, [version]);

  const activate = (next) => {
    const bounded = Math.max(0, Math.min(next, count - 1));
    const row = list.row(bounded);
    setActive({ index: bounded, id: row && row.id });
    const element = grid.current;
    const wanted = scrollTopFor(bounded, { ...view, scrollTop: element.scrollTop, count });
    if (wanted !== element.scrollTop) element.scrollTop = wanted;
  };
  const onKeyDown = (event) => {
    const page = Math.max(1, Math.floor(view.viewport / view.rowHeight) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -count, End: count };
    const row = list.row(index);
    const isPlain = !event.altKey && !event.ctrlKey && !event.metaKey;
    if (event.target !== grid.current && event.key !== "Escape") return;
    if (isPlain && event.key in steps) {
      event.preventDefault();
      activate(index + steps[event.key]);
    } else if (isPlain && event.key === "Enter" && row) {
      event.preventDefault();
      open(row);
    } else if (press) {
      press(event, row);
    }
  };

  // A row that comes into view takes the element of one that has gone.
  const pool = mostRows(view);
  const rows = [];
  for (let at = first; at <= last; at += 1) {
    const row = list.row(at);
    const isActive = at === index;
    rows.push(html`<div key=${at % pool} id="${id}-${at}" role="row" aria-rowindex=${at + 2} aria-selected=${row !== undefined && row.id === selected}
      class="row${isActive ? " is-active" : ""}${row ? "" : " is-loading"}"
      style=${{ transform: `translateY(${top + (at - first) * view.rowHeight}px)` }}
      onClick=${() => { if (row) { setActive({ index: at, id: row.id }); open(row); } }}>
      ${row ? cells(row) : columns.map((column) => html`<div role="gridcell" class="cell cell-${column.name}"></div>`)}
    </div>`);
  }
  return html`<div ref=${grid} id=${id} class="grid grid-${id}" role="grid" tabindex="0" aria-label=${label} aria-rowcount=${count + 1}
    aria-readonly="true" aria-activedescendant=${count > 0 && index >= first && index <= last ? `${id}-${index}` : undefined}
    onScroll=${scrolled} onKeyDown=${onKeyDown}>
    <div role="rowgroup" class="grid-head">
      <div role="row" aria-rowindex="1" class="row-head">
        ${columns.map((column) => html`<div key=${column.name} role="columnheader" class="cell cell-${column.name}"><span class=${column.isHidden ? "for-readers" : ""}>${column.label}</span></div>`)}
      </div>
    </div>
    <div role="rowgroup" class="grid-body" style=${{ height: `${heightOf(count, view.rowHeight)}px` }}>${rows}</div>
    ${total === 0 && html`<div class="empty" role="row"><div role="gridcell">${empty}</div></div>`}
  </div>`;
}

/** A button in a row. It takes no part in the order of Tab: keys do the same. */
export function RowButton({ press, children, label }) {
  const act = (event) => {
    event.stopPropagation();
    press();
  };
  // The focus stays at the table.
  return html`<button type="button" class="icon-button" tabindex="-1" aria-label=${label} title=${label}
    onMouseDown=${(event) => event.preventDefault()} onClick=${act}>${children}</button>`;
}
