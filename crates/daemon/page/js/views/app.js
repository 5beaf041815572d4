// The whole page.

import { html, useCallback, useEffect, useRef, useState } from "../html.js";
import { preferences } from "../preferences.js";
import { useStore } from "../store.js";
import { Add } from "./add.js";
import { Details } from "./details.js";
import { Drop } from "./drop.js";
import { Header } from "./header.js";
import { Help } from "./help.js";
import { Hosts } from "./hosts.js";
import { Limits } from "./limits.js";
import { Notices, Said } from "./notices.js";
import { Plot } from "./plot.js";
import { Runs } from "./runs.js";
import { SignIn } from "./sign-in.js";
import { Toolbar } from "./toolbar.js";
import * as format from "../format.js";

export function App({ daemon }) {
  // All of it is drawn again in another language.
  useStore(preferences, (state) => state.language);
  const phase = useStore(daemon.store, (state) => state.phase);
  const refusal = useStore(daemon.store, (state) => state.refusal);
  return html`
    ${(phase === "signin" || phase === "checking") && html`<${SignIn} daemon=${daemon} refusal=${refusal} isBusy=${phase === "checking"} />`}
    ${phase === "open" && html`<${Main} daemon=${daemon} />`}
    <${Said} announcer=${daemon.announcer} />`;
}

function Main({ daemon }) {
  const [dialog, setDialog] = useState(null);
  const selected = useStore(daemon.store, (state) => state.selected);
  const close = useCallback(() => setDialog(null), []);
  const add = useCallback((given = {}) => setDialog({ name: "add", given }), []);
  // What is dropped while the dialog is open goes into it.
  const addMore = useRef(null);
  const dropped = useCallback((given) => {
    if (addMore.current) addMore.current(given);
    else if (!document.querySelector("dialog[open]")) add(given);
  }, []);
  return html`
    <div class="page${selected ? " has-details" : ""}">
      <${Header} daemon=${daemon} openLimits=${() => setDialog({ name: "limits" })} openHelp=${() => setDialog({ name: "help" })} />
      <main>
        <${Toolbar} daemon=${daemon} add=${() => add()} />
        <div class="panel list"><${Runs} daemon=${daemon} add=${() => add()} help=${() => setDialog({ name: "help" })} /></div>
        <${Details} daemon=${daemon} />
      </main>
      <aside><${Plot} daemon=${daemon} /><${Hosts} daemon=${daemon} /></aside>
    </div>
    <${Title} daemon=${daemon} />
    <${Drop} add=${dropped} />
    ${dialog && dialog.name === "add" && html`<${Add} daemon=${daemon} given=${dialog.given} more=${addMore} close=${close} />`}
    ${dialog && dialog.name === "limits" && html`<${Limits} daemon=${daemon} close=${close} />`}
    ${dialog && dialog.name === "help" && html`<${Help} daemon=${daemon} close=${close} />`}
    <${Notices} daemon=${daemon} />`;
}

/** The title of the tab: the rate while there is one. */
function Title({ daemon }) {
  const rate = useStore(daemon.store, (state) => (state.status && state.connection === "live" ? state.status.rate : 0));
  useEffect(() => {
    document.title = rate ? `${format.rate(rate)} · haul` : "haul";
  }, [rate]);
  return null;
}
