// The top of the page: how fast it is, what runs, and the settings.

import * as format from "../format.js";
import { html, useEffect, useState } from "../html.js";
import { nextTheme, preferences, setLanguage } from "../preferences.js";
import { useStore } from "../store.js";
import { text } from "../texts.js";
import { Icon, IconButton } from "./icons.js";

export function Header({ daemon, openLimits, openHelp }) {
  const { status, connection, retryAt } = useStore(daemon.store, (state) => state);
  const hasSecret = daemon.api.secret !== "";
  return html`<header class="top">
    <h1><img src="/page/icon.svg" alt="" width="22" height="22" /> haul</h1>
    ${connection !== "lost" ? html`<${Now} status=${status} />` : html`<${Lost} retryAt=${retryAt} retry=${() => daemon.wake()} />`}
    <div class="spring"></div>
    <button type="button" class="button is-quiet limits-button" onClick=${openLimits} disabled=${!status}><${Icon} name="limits" /><span>${limitsOf(status)}</span></button>
    <${Preferences} />
    <${IconButton} icon="help" label=${text("help")} press=${openHelp} />
    ${hasSecret && html`<${IconButton} icon="out" label=${text("sign-out")} press=${() => daemon.signOut()} />`}
  </header>`;
}

function limitsOf(status) {
  if (!status) return text("limits");
  const { max_concurrent_downloads: most, limit_rate: rate } = status.limits;
  return rate ? text("limits-both", { n: most, rate: format.rate(rate) }) : text("limits-most", { n: most });
}

function Now({ status }) {
  if (!status) return null;
  const { active, waiting, paused } = status.runs;
  return html`<div class="now">
    <span class="now-rate"><${Icon} name="active" />${status.rate ? format.rate(status.rate) : "0 B/s"}</span>
    <span class="soft now-counts">${active + waiting + paused > 0 && text("now-active", { n: active })}${waiting > 0 && ` · ${text("now-waiting", { n: waiting })}`}${paused > 0 && ` · ${text("now-paused", { n: paused })}`}</span>
  </div>`;
}

function Lost({ retryAt, retry }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), 500);
    return () => clearInterval(timer);
  }, []);
  const left = retryAt === null ? 0 : Math.max(0, retryAt - Date.now()) / 1000;
  return html`<div class="lost"><span class="lost-words">${retryAt === null ? text("connecting") : text("lost-words", { time: format.duration(left) })}</span>
    ${retryAt !== null && html`<button type="button" class="button" onClick=${retry}>${text("try-now")}</button>`}</div>`;
}

/** The language and the colours. */
export function Preferences() {
  const { language, theme } = useStore(preferences, (state) => state);
  const other = language === "zh" ? "en" : "zh";
  return html`
    <button type="button" class="button is-quiet" lang=${other === "zh" ? "zh-CN" : "en"} onClick=${() => setLanguage(other)}>${other === "zh" ? "中文" : "English"}</button>
    <${IconButton} icon=${theme} label=${text(`theme-${theme}`)} press=${nextTheme} id="theme" />`;
}
