// Whether the tab is shown.

/** Waits until the tab is shown, or `signal` is aborted. */
export function whenShown(signal) {
  return new Promise((resolve) => {
    const over = new AbortController();
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      over.abort();
      resolve();
    };
    document.addEventListener("visibilitychange", look, { signal: over.signal });
    signal.addEventListener("abort", look, { signal: over.signal });
    look();
  });
}

/** Returns a controller that is aborted when the tab is hidden, or with `signal`. */
export function whileShown(signal) {
  const shown = new AbortController();
  const look = () => {
    if (document.hidden || signal.aborted) shown.abort();
  };
  document.addEventListener("visibilitychange", look, { signal: shown.signal });
  signal.addEventListener("abort", look, { signal: shown.signal });
  look();
  return shown;
}
