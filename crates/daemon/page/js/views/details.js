// One run: what became of it, what can be done with it, and its items.

import * as format from "../format.js";
import { html, useState } from "../html.js";
import { canRetry, isEnded } from "../daemon.js";
import { progressOf } from "../progress.js";
import { preferences } from "../preferences.js";
import { useStore } from "../store.js";
import { nameOf, text } from "../texts.js";
import { Confirm } from "./confirm.js";
import { Icon, IconButton, StateIcon } from "./icons.js";
import { Items } from "./items.js";
import { ProgressBar } from "./progress-bar.js";
import { RunLimits, levelOf } from "./run-limits.js";
import { positionAfter } from "./runs.js";

export function Details({ daemon }) {
  const { run, selected } = useStore(daemon.store, (state) => state);
  // The run that may be removed, as it was when this was asked.
  const [leaving, setLeaving] = useState(null);
  // The id of the run whose limits are changed.
  const [limiting, setLimiting] = useState("");
  if (!selected) return null;
  const close = () => {
    daemon.select("");
    document.getElementById("runs").focus();
  };
  const onKeyDown = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) close();
  };
  const remove = () => (isEnded(run) ? daemon.remove(run) : setLeaving(run));
  return html`<section class="details panel" aria-labelledby="details-title" onKeyDown=${onKeyDown}>
    <div class="details-head">
      <${IconButton} icon="back" label=${text("close-details")} press=${close} class="icon-button details-back" />
      ${run && html`<${StateIcon} state=${run.state} />`}
      <h2 id="details-title" dir="auto" title=${run ? run.name : ""}>${run ? run.name : "…"}</h2>
      <div class="spring"></div>
      ${run && html`<${Actions} run=${run} daemon=${daemon} remove=${remove} limit=${() => setLimiting(run.id)} />`}
      <${IconButton} icon="remove" label=${text("close-details")} press=${close} class="icon-button details-close" />
    </div>
    ${run && html`<${Facts} run=${run} />`}
    ${run && html`<${Items} key=${run.id} daemon=${daemon} run=${run} />`}
    ${run && limiting === run.id && html`<${RunLimits} key=${run.id} daemon=${daemon} run=${run} close=${() => setLimiting("")} />`}
    ${leaving && leaving.id === selected && html`<${Confirm} title=${text("remove-title", { name: leaving.name })} words=${text("remove-words")} action=${text("remove")}
      agree=${() => daemon.remove(leaving)} close=${() => setLeaving(null)} />`}
  </section>`;
}

function Actions({ run, daemon, remove, limit }) {
  const act = (action) => () => daemon.act(run, action);
  const move = (action) => () => daemon.move(run, positionAfter(action, run, daemon.store.state.status));
  const isList = run.items.total === null || run.items.total > 1;
  const button = (icon, words, press, kind = "") => html`<button type="button" class="button ${kind}" onClick=${press}><${Icon} name=${icon} />${words}</button>`;
  return html`<div class="actions" role="group" aria-label=${text("actions")}>
    ${run.position !== null && html`<span class="joined">
      ${["first", "up", "down", "last"].map((action) => html`<${IconButton} key=${action} icon=${action} label=${text(`move-${action}`)} press=${move(action)} />`)}
    </span>`}
    ${(run.state === "active" || run.state === "waiting") && button("pause", text("pause"), act("pause"))}
    ${run.state === "paused" && button("resume", text("resume"), act("resume"))}
    ${canRetry(run) && button("retry", text(run.state === "failed" ? "retry" : "restart"), act("retry"), run.state === "failed" ? "is-first" : "")}
    ${!isEnded(run) && button("limits", text("limits"), limit)}
    ${isList && isEnded(run) && run.started_at && html`<span class="joined">
      ${button("save", "JSONL", () => daemon.save(run, "results", "jsonl"), "is-results")}
      ${button("save", "CSV", () => daemon.save(run, "results", "csv"))}
      ${button("save", text("report"), () => daemon.save(run, "report"))}
    </span>`}
    ${button("remove", isEnded(run) ? text("forget") : text("remove"), remove)}
  </div>`;
}

function Facts({ run }) {
  const language = useStore(preferences, (state) => state.language);
  const progress = progressOf(run);
  const limits = [run.limit_rate && format.rate(run.limit_rate), run.connections && text("connections", { n: run.connections })].filter(Boolean).join(" · ");
  const facts = [
    [text("fact-state"), nameOf("state", run.state)],
    run.state === "active" && [text("column-rate"), format.rate(run.rate)],
    run.state === "active" && [text("column-eta"), format.duration(run.eta)],
    [text("column-size"), run.size && !isEnded(run) ? `${format.size(run.bytes)} / ${format.size(run.size)}` : format.size(run.bytes)],
    run.priority !== 0 && [text("fact-priority"), nameOf("priority", levelOf(run.priority))],
    limits !== "" && [text("limits"), limits],
    [text("fact-folder"), run.dir],
    run.started_at && [text("fact-started"), format.time(run.started_at, language)],
    run.ended_at && run.started_at && [text("fact-took"), format.duration((Date.parse(run.ended_at) - Date.parse(run.started_at)) / 1000)],
  ].filter(Boolean);
  return html`<div class="facts">
    <${ProgressBar} progress=${progress} state=${run.state} />
    <dl>${facts.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd dir="auto" title=${value}>${value}</dd></div>`)}</dl>
    ${run.error && run.error.kind !== "rows" && html`<p class="refusal">${run.error.message}</p>`}
  </div>`;
}
