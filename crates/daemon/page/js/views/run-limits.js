// The limits and the priority of one run.

import * as format from "../format.js";
import { html, useState } from "../html.js";
import { text } from "../texts.js";
import { Dialog, Refusal } from "./dialog.js";

const MOST_CONNECTIONS = 65535;

export function RunLimits({ daemon, run, close }) {
  const [priority, setPriority] = useState(levelOf(run.priority));
  const [rate, setRate] = useState(format.rateToEdit(run.limit_rate));
  const [connections, setConnections] = useState(run.connections ? String(run.connections) : "");
  const [refusal, setRefusal] = useState("");
  const submit = async () => {
    const wanted = { limit_rate: format.parseRate(rate), connections: Number(connections), priority: priorityOf(priority, run.priority) };
    const isRight = Number.isInteger(wanted.connections) && wanted.connections >= (connections.trim() === "" ? 0 : 1) && wanted.connections <= MOST_CONNECTIONS;
    if (Number.isNaN(wanted.limit_rate)) setRefusal(text("limits-wrong-rate"));
    else if (!isRight) setRefusal(text("run-limits-wrong-connections", { n: MOST_CONNECTIONS }));
    else if (await daemon.setLimitsOf(run, changesOf(run, wanted))) close();
  };
  return html`<${Dialog} id="run-limits" title=${text("run-limits-title", { name: run.name })} close=${close} submit=${submit} actions=${html`
    ${refusal && html`<${Refusal} words=${refusal} />`}
    <button type="button" class="button" onClick=${close}>${text("cancel")}</button>
    <button type="submit" class="button is-first">${text("save")}</button>`}>
    <label for="run-limits-priority">${text("fact-priority")}</label>
    <select id="run-limits-priority" value=${priority} autofocus aria-describedby="run-limits-priority-help" onChange=${(event) => setPriority(event.target.value)}>
      ${["high", "normal", "low"].map((level) => html`<option key=${level} value=${level}>${text(`priority-${level}`)}</option>`)}
    </select>
    <p id="run-limits-priority-help" class="soft">${text("run-limits-priority-help")}</p>
    <label for="run-limits-rate">${text("limits-rate-label")}</label>
    <input id="run-limits-rate" value=${rate} placeholder=${text("limits-no-rate")} aria-describedby="run-limits-rate-help" spellcheck="false" onInput=${(event) => setRate(event.target.value)} />
    <p id="run-limits-rate-help" class="soft">${text("run-limits-rate-help")}</p>
    <label for="run-limits-connections">${text("run-limits-connections-label")}</label>
    <input id="run-limits-connections" inputmode="numeric" value=${connections} placeholder=${text("run-limits-automatic")} aria-describedby="run-limits-connections-help" onInput=${(event) => setConnections(event.target.value)} />
    <p id="run-limits-connections-help" class="soft">${text("run-limits-connections-help")}</p>
  </${Dialog}>`;
}

/** Returns what a priority is called: `low`, `normal` or `high`. */
export function levelOf(priority) {
  if (priority === 0) return "normal";
  return priority < 0 ? "low" : "high";
}

/** Returns the priority of a level: the one that the run has, if it is on that level. */
function priorityOf(level, before) {
  return levelOf(before) === level ? before : { low: -1, normal: 0, high: 1 }[level];
}

/** Returns what of it the run does not have already. */
function changesOf(run, wanted) {
  return Object.fromEntries(Object.entries(wanted).filter(([name, value]) => run[name] !== value));
}
