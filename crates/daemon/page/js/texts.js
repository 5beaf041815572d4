// What the page says, in the language that is chosen.

import en from "./texts/en.js";
import zh from "./texts/zh.js";
import { preferences } from "./preferences.js";

const TABLES = { en, zh };

/**
 * Returns what a state is called: `state-active`. A daemon that is newer than the page may have
 * others.
 */
export function nameOf(kind, state) {
  return TABLES[preferences.state.language][`${kind}-${state}`] || state;
}

/**
 * Returns a text. `{name}` in it is replaced by a value. If it has two forms, `one | many`, the
 * value `n` chooses.
 */
export function text(key, values = {}) {
  const { language } = preferences.state;
  let template = TABLES[language][key];
  if (template === undefined) throw new Error(`there is no text "${key}"`);
  const forms = template.split(" | ");
  if (forms.length === 2) template = new Intl.PluralRules(language).select(values.n) === "one" ? forms[0] : forms[1];
  return template.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? new Intl.NumberFormat(language).format(value) : String(value);
  });
}
