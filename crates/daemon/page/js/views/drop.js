// Lists that are dropped on the page, or pasted into it.

import { html, useEffect, useState } from "../html.js";
import { text } from "../texts.js";

const isField = (element) => element instanceof Element && element.closest("input, textarea, select, dialog") !== null;

/** Calls `add({ text, files })` with what was dropped or pasted. */
export function Drop({ add }) {
  const [isOver, setOver] = useState(false);
  useEffect(() => {
    const carries = (event) => [...event.dataTransfer.types].some((type) => type === "Files" || type === "text/uri-list" || type === "text/plain");
    const over = (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      setOver(true);
    };
    const leave = (event) => {
      if (event.relatedTarget === null) setOver(false);
    };
    const drop = (event) => {
      event.preventDefault();
      setOver(false);
      take(event.dataTransfer, add);
    };
    const paste = (event) => {
      if (isField(event.target)) return;
      event.preventDefault();
      take(event.clipboardData, add);
    };
    const handlers = { dragover: over, dragleave: leave, drop, paste };
    for (const [name, handler] of Object.entries(handlers)) addEventListener(name, handler);
    return () => {
      for (const [name, handler] of Object.entries(handlers)) removeEventListener(name, handler);
    };
  }, [add]);
  return isOver && html`<div class="drop" aria-hidden="true"><p>${text("drop-here")}</p></div>`;
}

function take(transfer, add) {
  const files = [...transfer.files];
  const words = files.length > 0 ? "" : transfer.getData("text/plain");
  if (files.length > 0 || words.trim() !== "") add({ files, text: words });
}
