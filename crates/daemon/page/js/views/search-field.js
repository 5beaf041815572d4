// A field to search in: what is typed counts a moment later.

import { html, useEffect, useRef, useState } from "../html.js";
import { Icon } from "./icons.js";

const PAUSE = 200;

export function SearchField({ id, label, value, change }) {
  const [typed, setTyped] = useState(value);
  const timer = useRef();
  useEffect(() => () => clearTimeout(timer.current), []);
  const onInput = (event) => {
    const next = event.target.value;
    setTyped(next);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => change(next.trim()), PAUSE);
  };
  const onKeyDown = (event) => {
    if (event.key !== "Escape" || typed === "") return;
    event.preventDefault();
    clearTimeout(timer.current);
    setTyped("");
    change("");
  };
  return html`<div class="search"><${Icon} name="search" />
    <input id=${id} type="search" value=${typed} placeholder=${label} aria-label=${label} autocomplete="off" spellcheck="false" onInput=${onInput} onKeyDown=${onKeyDown} />
  </div>`;
}
