// Numbers, sizes, rates and times for people, in the units that haul has everywhere.

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** Returns `1.5 MiB`. */
export function size(bytes) {
  if (bytes === null || bytes === undefined) return "–";
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** Returns `1.5 MiB/s`, and a dash for none. */
export function rate(bytes) {
  return bytes ? `${size(bytes)}/s` : "–";
}

/** Returns `4 s`, `3:20` or `2:05:00`, and days in front of them. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const two = (number) => String(number).padStart(2, "0");
  const [days, hours, minutes] = [Math.floor(whole / 86400), Math.floor((whole % 86400) / 3600), Math.floor((whole % 3600) / 60)];
  if (days > 0) return `${days} d ${hours}:${two(minutes)}`;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Returns a number with the separators of a language. */
export function count(number, language) {
  return new Intl.NumberFormat(language).format(number);
}

/** Returns a part as `42%`, and never 100% before the end. */
export function percent(part, whole) {
  if (!whole) return "";
  return `${Math.min(Math.floor((part / whole) * 100), 100)}%`;
}

/** Returns a time of today as `14:03:20`, another one with its date. */
export function time(text, language, now = new Date()) {
  const at = new Date(text);
  const clock = { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
  const isToday = at.toDateString() === now.toDateString();
  return new Intl.DateTimeFormat(language, isToday ? clock : { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }).format(at);
}

/** Returns bytes per second of a number and a unit that somebody typed; NaN if it is none. */
export function parseRate(text) {
  const found = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?(?:\/s)?\s*$/i.exec(text);
  if (text.trim() === "") return 0;
  if (!found) return NaN;
  return Math.round(Number(found[1]) * 1024 ** " kmgt".indexOf(found[2].toLowerCase() || " "));
}

/** Returns a rate as `parseRate` reads it. */
export function rateToEdit(bytes) {
  if (!bytes) return "";
  let value = bytes;
  let unit = 0;
  while (unit < 4 && value % 1024 === 0) {
    value /= 1024;
    unit += 1;
  }
  return value + ["", "K", "M", "G", "T"][unit];
}
