// The list of runs.

import * as format from "../format.js";
import { html, useState } from "../html.js";
import { canRetry, isEnded } from "../daemon.js";
import { progressOf } from "../progress.js";
import { useStore } from "../store.js";
import { nameOf, text } from "../texts.js";
import { Confirm } from "./confirm.js";
import { Grid, RowButton } from "./grid.js";
import { Icon, StateIcon } from "./icons.js";
import { ProgressBar } from "./progress-bar.js";
import { RunLimits } from "./run-limits.js";

const columns = () => [
  { name: "name", label: text("column-name") },
  { name: "progress", label: text("column-progress") },
  { name: "size", label: text("column-size") },
  { name: "rate", label: text("column-rate") },
  { name: "eta", label: text("column-eta") },
  { name: "actions", label: text("column-actions"), isHidden: true },
];

export function Runs({ daemon, add, help }) {
  const { filter, search, selected } = useStore(daemon.store, (state) => state);
  const [removing, setRemoving] = useState(null);
  const [limiting, setLimiting] = useState(null);
  const remove = (run) => (isEnded(run) ? daemon.remove(run) : setRemoving(run));
  const press = (event, run) => {
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = event.altKey ? moveOf(key) : keyOf(key);
    if (!action || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    if (action === "add") add();
    else if (action === "help") help();
    else if (action === "search") document.getElementById("search").focus();
    else if (action === "close") daemon.select("");
    else if (run && action === "remove") remove(run);
    else if (run && action === "pause") daemon.act(run, run.state === "paused" ? "resume" : "pause");
    else if (run && action === "limits") setLimiting(isEnded(run) ? null : run);
    else if (run && action === "retry") daemon.act(run, "retry");
    else if (run && run.position !== null) daemon.move(run, positionAfter(action, run, daemon.store.state.status));
  };
  const isFiltered = filter !== "all" || search !== "";
  const empty = isFiltered
    ? html`<p>${text("nothing-found")}</p>`
    : html`<p class="empty-title">${text("empty-title")}</p><p>${text("empty-hint")}</p>`;
  return html`
    <${Grid} id="runs" label=${text("runs")} list=${daemon.runs} columns=${columns()} selected=${selected} empty=${empty}
      cells=${(run) => runCells(run, daemon, remove)} open=${(run) => daemon.select(run.id)} press=${press} />
    ${limiting && html`<${RunLimits} daemon=${daemon} run=${limiting} close=${() => setLimiting(null)} />`}
    ${removing && html`<${Confirm} title=${text("remove-title", { name: removing.name })} words=${text("remove-words")} action=${text("remove")}
      agree=${() => daemon.remove(removing)} close=${() => setRemoving(null)} />`}`;
}

function keyOf(key) {
  return { p: "pause", r: "retry", l: "limits", Delete: "remove", Backspace: "remove", a: "add", "/": "search", "?": "help", Escape: "close" }[key];
}

function moveOf(key) {
  return { ArrowUp: "up", ArrowDown: "down", Home: "first", End: "last" }[key];
}

/** Returns where a waiting run stands after a move. */
export function positionAfter(action, run, status) {
  const last = status ? Math.max(status.runs.waiting + status.runs.paused - 1, 0) : run.position + 1;
  return { up: Math.max(run.position - 1, 0), down: Math.min(run.position + 1, last), first: 0, last }[action];
}

function runCells(run, daemon, remove) {
  const progress = progressOf(run);
  const hasBegun = run.state === "active" || (progress !== null && progress.good + progress.bad > 0);
  const canPause = run.state === "active" || run.state === "waiting";
  return html`
    <div role="gridcell" class="cell cell-name">
      <${StateIcon} state=${run.state} />
      <div class="stack">
        <span class="main-line" dir="auto" title=${run.name}>${run.name}</span>
        <span class="sub-line">${summaryOf(run)}</span>
      </div>
    </div>
    <div role="gridcell" class="cell cell-progress">${hasBegun && html`
      <${ProgressBar} progress=${progress} state=${run.state} />
      <span class="percent">${progress && !isEnded(run) ? format.percent(progress.good + progress.bad, 1) : ""}</span>`}</div>
    <div role="gridcell" class="cell cell-size">${sizeOf(run)}</div>
    <div role="gridcell" class="cell cell-rate">${run.state === "active" ? format.rate(run.rate) : ""}</div>
    <div role="gridcell" class="cell cell-eta">${run.state === "active" ? format.duration(run.eta) : ""}</div>
    <div role="gridcell" class="cell cell-actions">
      ${canPause && html`<${RowButton} label=${text("pause-run", { name: run.name })} press=${() => daemon.act(run, "pause")}><${Icon} name="pause" /></${RowButton}>`}
      ${run.state === "paused" && html`<${RowButton} label=${text("resume-run", { name: run.name })} press=${() => daemon.act(run, "resume")}><${Icon} name="resume" /></${RowButton}>`}
      ${canRetry(run) && html`<${RowButton} label=${text("retry-run", { name: run.name })} press=${() => daemon.act(run, "retry")}><${Icon} name="retry" /></${RowButton}>`}
      <${RowButton} label=${text("remove-run", { name: run.name })} press=${() => remove(run)}><${Icon} name="remove" /></${RowButton}>
    </div>`;
}

/** Returns the state of a run, what of it is done, and what went wrong. */
function summaryOf(run) {
  const { total, done, skipped, failed } = run.items;
  const parts = [run.state === "waiting" && run.position !== null ? text("waiting-at", { n: run.position + 1 }) : nameOf("state", run.state)];
  const ended = done + skipped + failed;
  if (total === null) parts.push(text("files-so-far", { n: ended }));
  else if (total > 1) parts.push(ended < total ? text("files-of", { n: total, ended }) : text("files", { n: total }));
  const wrong = failed > 0 && (total === null || total > 1) ? text("failed-count", { n: failed }) : "";
  return html`<span class="word-${run.state}">${parts[0]}</span>${parts.slice(1).map((part) => html` · ${part}`)}
    ${wrong && html` · <span class="bad">${wrong}</span>`}${run.error && !wrong && html` · <span class="bad" title=${run.error.message}>${run.error.message}</span>`}`;
}

function sizeOf(run) {
  if (isEnded(run) || run.size === null) return run.bytes ? format.size(run.bytes) : "–";
  if (run.bytes === 0 && run.state !== "active") return format.size(run.size);
  return html`<span>${format.size(run.bytes)}</span><span class="soft"> / ${format.size(run.size)}</span>`;
}
