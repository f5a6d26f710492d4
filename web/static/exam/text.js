/**
 * Words of the page: translated by the server, handed over as one JSON block, filled in here.
 */

let strings = {};

export function setStrings(table) {
  strings = table;
}

/** The translated text `key` with `{name}` replaced by `values.name`. */
export function t(key, values = {}) {
  const text = strings[key];
  if (text === undefined) throw new Error(`no text for ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Milliseconds as `1:05:09` or `05:09`; a started second counts, so the clock shows 0 only when time is up. */
export function clockText(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]/gu;

/** What was typed as the server takes it: composed, without characters nobody can see, at most `most` characters. */
export function typedText(text, most) {
  return [...text.replace(UNSEEN, "").normalize("NFC")].slice(0, most).join("");
}

/** `A`, `B`, ... for the option at a position on the screen. */
export function optionLetter(position) {
  return String.fromCharCode(65 + position);
}

const BEIJING = { timeZone: "Asia/Shanghai", hourCycle: "h23" };

/** Server time (Unix milliseconds) as Beijing time `2026-11-21 14:00:05`, whatever the PC's zone is. */
export function beijing(ms) {
  const parts = new Intl.DateTimeFormat("en-CA", {
    ...BEIJING,
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  }).formatToParts(new Date(ms));
  const of = (type) => parts.find((part) => part.type === type).value;
  return `${of("year")}-${of("month")}-${of("day")} ${of("hour")}:${of("minute")}:${of("second")}`;
}
