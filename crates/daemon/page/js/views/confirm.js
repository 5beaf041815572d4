// Asks before something is lost.

import { html } from "../html.js";
import { text } from "../texts.js";
import { Dialog } from "./dialog.js";

export function Confirm({ title, words, action, agree, close }) {
  const submit = () => {
    close();
    agree();
  };
  return html`<${Dialog} id="confirm" title=${title} close=${close} submit=${submit} actions=${html`
    <button type="button" class="button" autofocus onClick=${close}>${text("cancel")}</button>
    <button type="submit" class="button is-danger">${action}</button>`}>
    <p>${words}</p>
  </${Dialog}>`;
}
