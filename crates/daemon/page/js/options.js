// Options as people type them, one a line: pure.

/** Returns `{ retries: 3, robots: true }` of `--retries 3` and `robots`. */
export function parseOptions(typed) {
  const options = {};
  for (const line of typed.split("\n")) {
    const found = /^\s*(?:--)?([a-z][a-z0-9-]*)(?:\s*=\s*|\s+|$)(.*?)\s*$/i.exec(line);
    if (!found) {
      if (line.trim() !== "") options[line.trim()] = true;
      continue;
    }
    const [, name, value] = found;
    if (value === "" || value === "true") options[name] = true;
    else if (value === "false") options[name] = false;
    else options[name] = /^\d+$/.test(value) ? Number(value) : value;
  }
  return options;
}
