// What a typed list is called if nobody has named it: pure.

/**
 * Returns the file of the first URL and how many others there are; `null` unless each line is a
 * URL.
 */
export function nameOfList(list) {
  const lines = list.split("\n").map((line) => line.trim()).filter((line) => line !== "" && !line.startsWith("#"));
  if (lines.length === 0 || !lines.every((line) => /^https?:\/\/\S/i.test(line))) return null;
  const [url] = lines[0].split(/\s/);
  const path = url.replace(/[?#].*$/s, "").replace(/^https?:\/\//i, "");
  const file = path.split("/").filter(Boolean).pop();
  return { file: decoded(file || url), others: lines.length - 1 };
}

function decoded(file) {
  try {
    return decodeURIComponent(file);
  } catch {
    return file;
  }
}
