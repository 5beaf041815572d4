// The form for the secret.

import { html, useLayoutEffect, useRef, useState } from "../html.js";
import { text } from "../texts.js";
import { Refusal } from "./dialog.js";
import { Preferences } from "./header.js";

export function SignIn({ daemon, refusal, isBusy }) {
  const [secret, setSecret] = useState("");
  const field = useRef();
  useLayoutEffect(() => field.current.focus(), [refusal]);
  const submit = (event) => {
    event.preventDefault();
    if (secret.trim()) daemon.signIn(secret.trim());
  };
  return html`<main class="sign-in">
    <form class="panel" onSubmit=${submit}>
      <h1><img src="/page/icon.svg" alt="" width="28" height="28" /> haul</h1>
      <p id="secret-help" class="soft">${text("secret-help")}</p>
      <input type="text" autocomplete="username" value="haul" hidden readonly />
      <label for="secret">${text("secret")}</label>
      <input id="secret" ref=${field} type="password" autocomplete="current-password" value=${secret} aria-describedby="secret-help"
        aria-invalid=${refusal !== ""} onInput=${(event) => setSecret(event.target.value)} />
      ${refusal && html`<${Refusal} words=${`${text("secret-refused")} ${refusal}`} />`}
      <button type="submit" class="button is-first" disabled=${isBusy}>${text("sign-in")}</button>
    </form>
    <div class="sign-in-preferences"><${Preferences} /></div>
  </main>`;
}
