// Which hosts are busy, and which wait and why.

import * as format from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { preferences } from "../preferences.js";
import { useStore } from "../store.js";
import { text } from "../texts.js";

export function Hosts({ daemon }) {
  const hosts = useStore(daemon.store, (state) => state.hosts);
  // On a phone, the table is shown when it is asked for.
  const [isOpen, setOpen] = useState(false);
  const held = hosts.filter((host) => host.state !== "ok").length;
  return html`<section class="panel hosts${isOpen ? " is-open" : ""}" aria-labelledby="hosts-title">
    <div class="hosts-head">
      <h2 id="hosts-title">${text("hosts")}</h2>
      ${hosts.length > 0 && html`<span class="badge">${hosts.length}</span>`}
      ${held > 0 && html`<span class="badge is-held">${text("hosts-held", { n: held })}</span>`}
      <div class="spring"></div>
      ${hosts.length > 0 && html`<button type="button" class="button is-quiet hosts-switch" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>${text(isOpen ? "hide" : "show")}</button>`}
    </div>
    ${hosts.length === 0
      ? html`<p class="soft quiet">${text("no-hosts")}</p>`
      : html`<div class="hosts-rows" tabindex="0" role="group" aria-labelledby="hosts-title"><table>
          <thead><tr><th scope="col">${text("column-host")}</th><th scope="col" class="number">${text("column-requests")}</th><th scope="col" class="number">${text("column-waiting")}</th></tr></thead>
          <tbody>${hosts.map((host) => html`<${Host} key=${host.host} host=${host} daemon=${daemon} />`)}</tbody>
        </table></div>`}
  </section>`;
}

function Host({ host, daemon }) {
  const isWell = host.state === "ok";
  return html`<tr class=${isWell ? "" : "is-held"}>
    <th scope="row"><span class="host-name" dir="ltr" title=${host.host}>${host.host}</span>
      ${!isWell && html`<span class="host-why">${host.reason || host.state}${host.until && html` · <${Until} until=${host.until} daemon=${daemon} />`}</span>`}</th>
    <td class="number">${host.active}${host.limit !== null && html`<span class="soft"> / ${host.limit}</span>`}</td>
    <td class="number">${format.count(host.waiting, preferences.state.language)}</td>
  </tr>`;
}

/** How long a host still waits, second by second. */
function Until({ until, daemon }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  return text("for-time", { time: format.duration((Date.parse(until) - daemon.now()) / 1000) });
}
