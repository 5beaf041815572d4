// A dialog: it holds the focus, and Escape closes it.

import { html, useLayoutEffect, useRef } from "../html.js";

export function Dialog({ id, title, close, submit, children, actions }) {
  const dialog = useRef();
  useLayoutEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element.showModal();
    return () => {
      if (element.open) element.close();
      if (before && before.isConnected) before.focus();
    };
  }, []);
  const onSubmit = (event) => {
    event.preventDefault();
    submit();
  };
  return html`<dialog ref=${dialog} class="dialog" id=${id} aria-labelledby="${id}-title" onCancel=${(event) => { event.preventDefault(); close(); }}
    onKeyDown=${(event) => event.stopPropagation()}>
    <form onSubmit=${onSubmit} noValidate>
      <h2 id="${id}-title">${title}</h2>
      <div class="dialog-body">${children}</div>
      <div class="dialog-actions">${actions}</div>
    </form>
  </dialog>`;
}

/** What the daemon, or the page, says against it. */
export function Refusal({ words }) {
  return html`<p class="refusal" role="alert">${words}</p>`;
}
