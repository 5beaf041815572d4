// The language and the colours: those of the browser, unless somebody has chosen others here.

import { Store } from "./store.js";

const LANGUAGES = ["en", "zh"];
const THEMES = ["auto", "light", "dark"];

function ofBrowser() {
  const known = navigator.languages.map((name) => name.slice(0, 2).toLowerCase()).find((name) => LANGUAGES.includes(name));
  return known || "en";
}

function kept(key, allowed, otherwise) {
  const value = localStorage.getItem(key);
  return allowed.includes(value) ? value : otherwise;
}

export const preferences = new Store({
  language: kept("haul-language", LANGUAGES, ofBrowser()),
  theme: kept("haul-theme", THEMES, "auto"),
});

export function setLanguage(language) {
  localStorage.setItem("haul-language", language);
  preferences.set({ language });
  applyPreferences();
}

/** Goes on to the next of: as the system has it, light, dark. */
export function nextTheme() {
  const theme = THEMES[(THEMES.indexOf(preferences.state.theme) + 1) % THEMES.length];
  localStorage.setItem("haul-theme", theme);
  preferences.set({ theme });
  applyPreferences();
}

export function applyPreferences() {
  const { language, theme } = preferences.state;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.theme = theme;
}
