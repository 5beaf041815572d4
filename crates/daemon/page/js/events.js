// Server-sent events over fetch: EventSource cannot send the secret in a header.

/** Returns a function that takes pieces of a stream, and gives each event to `receive`. */
export function eventParser(receive) {
  let rest = "";
  let name = "";
  let data = [];
  const line = (text) => {
    if (text === "") {
      if (data.length > 0) receive(name || "message", data.join("\n"));
      name = "";
      data = [];
    } else if (text.startsWith("event:")) {
      name = text.slice(6).trimStart();
    } else if (text.startsWith("data:")) {
      data.push(text.slice(5).replace(/^ /, ""));
    }
  };
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    lines.forEach(line);
  };
}

/** Returns how many milliseconds to wait before the nth attempt to connect again. */
export function delayOf(attempt) {
  return Math.min(500 * 2 ** attempt, 5000);
}

/** Reads events until the stream ends, `signal` aborts it, or nothing comes for `patience` ms. */
export async function readEvents(response, receive, { patience, signal }) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  const parse = eventParser((name, data) => receive(name, JSON.parse(data)));
  let silent;
  const stop = () => reader.cancel().catch(() => {});
  signal.addEventListener("abort", stop);
  try {
    for (;;) {
      clearTimeout(silent);
      silent = setTimeout(stop, patience);
      const { done, value } = await reader.read();
      if (done) return;
      parse(value);
    }
  } finally {
    clearTimeout(silent);
    signal.removeEventListener("abort", stop);
    stop();
  }
}
