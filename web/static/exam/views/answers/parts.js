/**
 * What the ways to answer have in common.
 *
 * Each is made for one question and lives until another is shown: `new Answer(question, { stem, box, prefix, mediaUrl, answer,
 * type, settle })` fills `box` (and may change `stem`), `refresh(value, locked)` shows what is answered, `press(position)` and
 * `focusStep(step)` serve the keys, `keyCount` says how many options keys can name.
 */
import { el } from "../../dom.js";
import { safeFragment } from "../../html.js";
import { optionLetter, t } from "../../text.js";

/** The line that says how to answer. */
export function how(question) {
  return el("p", { class: "how" }, t(`how_${question.kind}`));
}

export function lettered(position) {
  return el("span", { class: "letter" }, optionLetter(position));
}

/** The text of an option or of a line to match. */
export function optionText(option, mediaUrl, attributes = {}) {
  const text = el("span", { class: "option-text", ...attributes });
  text.append(safeFragment(option.html, mediaUrl));
  return text;
}

/** Put the focus on the next (or the one before) of `controls`, round and round. */
export function stepFocus(controls, step) {
  const at = controls.indexOf(document.activeElement);
  const next = at < 0 ? (step > 0 ? 0 : controls.length - 1) : (at + step + controls.length) % controls.length;
  controls[next]?.focus();
}
