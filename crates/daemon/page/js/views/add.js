// Adding URLs, a list, or files with lists.

import { html, useEffect, useState } from "../html.js";
import { nameOfList } from "../list-name.js";
import { parseOptions } from "../options.js";
import { text } from "../texts.js";
import { Dialog, Refusal } from "./dialog.js";
import { Icon } from "./icons.js";

const FORMATS = ["auto", "text", "aria2", "csv", "jsonl", "metalink", "checksums", "sitemap"];

/**
 * `given` is `{ text, files }`: what was pasted or dropped. `more.current` takes what is dropped
 * later.
 */
export function Add({ daemon, given, more, close }) {
  const { status } = daemon.store.state;
  const [list, setList] = useState(given.text || "");
  const [files, setFiles] = useState(given.files || []);
  const [form, setForm] = useState({ name: "", dir: "", format: "auto", options: "", paused: false });
  const [refusal, setRefusal] = useState("");
  const [isBusy, setBusy] = useState(false);
  more.current = (dropped) => {
    setFiles([...files, ...dropped.files]);
    if (dropped.text) setList([list, dropped.text].filter(Boolean).join("\n"));
  };
  useEffect(() => () => {
    more.current = null;
  }, []);
  const change = (name) => (event) => setForm({ ...form, [name]: event.target.type === "checkbox" ? event.target.checked : event.target.value });

  const submit = async () => {
    if (isBusy) return;
    if (list.trim() === "" && files.length === 0) {
      setRefusal(text("nothing-to-add"));
      return;
    }
    setBusy(true);
    setRefusal("");
    try {
      const run = await addAll(daemon, list, files, form, (left) => setFiles(left));
      close();
      daemon.select(run.id);
    } catch (failure) {
      setRefusal(failure.message || text("unreachable"));
      setBusy(false);
    }
  };
  const choose = (event) => {
    setFiles([...files, ...event.target.files]);
    event.target.value = "";
  };
  const lines = list.split("\n").filter((line) => line.trim() !== "").length;
  return html`<${Dialog} id="add" title=${text("add-title")} close=${close} submit=${submit} actions=${html`
    ${refusal && html`<${Refusal} words=${refusal} />`}
    <button type="button" class="button" onClick=${close}>${text("cancel")}</button>
    <button type="submit" class="button is-first" disabled=${isBusy}>${isBusy ? text("adding") : text("add")}</button>`}>
    <div class="field-head"><label for="add-list">${text("add-list")}</label><span class="soft">${lines > 0 && text("lines", { n: lines })}</span></div>
    <textarea id="add-list" rows="7" spellcheck="false" autocapitalize="off" autofocus placeholder=${"https://example.org/a.iso\nhttps://example.org/b.iso"}
      value=${list} onInput=${(event) => setList(event.target.value)}></textarea>
    <div class="files">
      ${files.map((file, nth) => html`<span class="file" key=${`${nth} ${file.name}`}><${Icon} name="file" /><span dir="auto">${file.name}</span>
        <button type="button" class="icon-button" aria-label=${text("leave-out", { name: file.name })} onClick=${() => setFiles(files.filter((_, other) => other !== nth))}><${Icon} name="remove" /></button></span>`)}
      <label class="button" for="add-file"><${Icon} name="file" />${text("choose-file")}</label>
      <input id="add-file" class="for-readers" type="file" multiple onChange=${choose} />
      <span class="soft">${text("or-drop")}</span>
    </div>
    <div class="two">
      <div><label for="add-dir">${text("fact-folder")}</label>
        <input id="add-dir" list="add-dirs" value=${form.dir} placeholder=${status ? status.default_dir : ""} spellcheck="false" onInput=${change("dir")} />
        <datalist id="add-dirs">${status && status.dirs.map((dir) => html`<option key=${dir} value=${dir} />`)}</datalist></div>
      <div><label for="add-name">${text("add-name")}</label>
        <input id="add-name" value=${form.name} placeholder=${text("optional")} disabled=${files.length > 0 && list.trim() === ""} onInput=${change("name")} /></div>
    </div>
    <label class="check"><input type="checkbox" checked=${form.paused} onChange=${change("paused")} />${text("add-paused")}</label>
    <details>
      <summary>${text("more")}</summary>
      <label for="add-format">${text("add-format")}</label>
      <select id="add-format" value=${form.format} onChange=${change("format")}>
        ${FORMATS.map((format) => html`<option key=${format} value=${format}>${text(`format-${format}`)}</option>`)}
      </select>
      <label for="add-options">${text("add-options")}</label>
      <textarea id="add-options" rows="3" spellcheck="false" autocapitalize="off" value=${form.options} placeholder=${"retries 3\nlimit-rate 2M"} aria-describedby="add-options-help" onInput=${change("options")}></textarea>
      <p id="add-options-help" class="soft">${text("add-options-help")}</p>
    </details>
  </${Dialog}>`;
}

function defaultName(list) {
  const found = nameOfList(list);
  if (found === null) return undefined;
  return found.others > 0 ? text("name-of-many", { name: found.file, n: found.others }) : found.file;
}

/**
 * Adds the text and each file as a run of its own; a file keeps its name. `left` is told which
 * files are not added yet.
 */
async function addAll(daemon, list, files, form, left) {
  const { name, dir, paused } = form;
  const format = form.format === "auto" ? undefined : form.format;
  const options = parseOptions(form.options);
  const hasOptions = Object.keys(options).length > 0;
  let run = null;
  for (let nth = 0; nth < files.length; nth += 1) {
    const file = files[nth];
    run = await daemon.addFile(file, { format, dir, paused: paused ? "true" : "", options: hasOptions ? JSON.stringify(options) : "" });
    left(files.slice(nth + 1));
  }
  if (list.trim() !== "") {
    // Of URLs, the name does not say what format they are in.
    const plain = format || (nameOfList(list) ? "text" : undefined);
    run = await daemon.add({ list, format: plain, name: name || defaultName(list), dir: dir || undefined, paused: paused || undefined, options: hasOptions ? options : undefined });
  }
  return run;
}
