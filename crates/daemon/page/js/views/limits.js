// The limits of all downloads together.

import * as format from "../format.js";
import { html, useState } from "../html.js";
import { text } from "../texts.js";
import { Dialog, Refusal } from "./dialog.js";

export function Limits({ daemon, close }) {
  const { limits } = daemon.store.state.status;
  const [most, setMost] = useState(String(limits.max_concurrent_downloads));
  const [rate, setRate] = useState(format.rateToEdit(limits.limit_rate));
  const [refusal, setRefusal] = useState("");
  const submit = async () => {
    const wanted = { max_concurrent_downloads: Number(most), limit_rate: format.parseRate(rate) };
    if (!Number.isInteger(wanted.max_concurrent_downloads) || wanted.max_concurrent_downloads < 1) setRefusal(text("limits-wrong-most"));
    else if (Number.isNaN(wanted.limit_rate)) setRefusal(text("limits-wrong-rate"));
    else if (await daemon.setLimits(wanted)) close();
  };
  return html`<${Dialog} id="limits" title=${text("limits")} close=${close} submit=${submit} actions=${html`
    ${refusal && html`<${Refusal} words=${refusal} />`}
    <button type="button" class="button" onClick=${close}>${text("cancel")}</button>
    <button type="submit" class="button is-first">${text("save")}</button>`}>
    <label for="limits-most">${text("limits-most-label")}</label>
    <input id="limits-most" type="number" inputmode="numeric" min="1" step="1" value=${most} autofocus onInput=${(event) => setMost(event.target.value)} />
    <label for="limits-rate">${text("limits-rate-label")}</label>
    <input id="limits-rate" value=${rate} placeholder=${text("limits-no-rate")} aria-describedby="limits-rate-help" spellcheck="false" onInput=${(event) => setRate(event.target.value)} />
    <p id="limits-rate-help" class="soft">${text("limits-rate-help")}</p>
  </${Dialog}>`;
}
