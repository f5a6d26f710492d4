/**
 * Writing: a field for each blank of the stem, or one field for a number with its unit beside it.
 *
 * Every key is told (`type`), a field that is left is settled. What is typed is never written back into a field unless the answer
 * came from elsewhere (cleared, opened again), so that nothing jumps under the hands; while a Chinese input method
 * composes, nothing is told.
 */
import { el, setText } from "../../dom.js";
import { sameValue } from "../../answers.js";
import { t, typedText } from "../../text.js";
import { how, stepFocus } from "./parts.js";

const MOST = { fill_in: 200, numeric: 40 };
const BLANK = /_{3,}/;
const NARROW = 8;
const WIDE = 34;

export class TypedAnswer {
  #question;
  #env;
  #fields;
  #hint = null;
  #told = null;

  constructor(question, env) {
    this.#question = question;
    this.#env = env;
    this.#fields = question.kind === "numeric" ? this.#numberField() : this.#blankFields();
  }

  keyCount = 0;

  keysText() {
    return t("keys_typed");
  }

  refresh(value, locked) {
    for (const field of this.#fields) field.disabled = locked;
    if (this.#told && sameValue(value, this.#told)) return;
    this.#told = value;
    this.#fields.forEach((field, n) => this.#write(field, value[n]));
    this.#look();
  }

  press() {}

  focusStep(step) {
    stepFocus(this.#fields, step);
  }

  /** An answer of another shape (it cannot come from here) leaves the field empty. */
  #write(field, text) {
    field.value = typeof text === "string" ? text : "";
    fit(field);
  }

  #numberField() {
    const { box, prefix } = this.#env;
    const field = this.#field(t("number"));
    field.inputMode = "decimal";
    field.id = `${prefix}-typed-0`;
    field.setAttribute("aria-describedby", `${prefix}-stem ${prefix}-hint`);
    this.#hint = el("p", { class: "how hint", id: `${prefix}-hint`, role: "status" });
    const unit = this.#question.unit ? el("span", { class: "unit" }, this.#question.unit) : null;
    box.replaceChildren(how(this.#question), el("p", { class: "number-line" }, el("span", {}, t("number")), field, unit), this.#hint);
    return [field];
  }

  /** A field in the place of each blank; those the text does not show (it was made elsewhere) stand below. */
  #blankFields() {
    const { box, stem, prefix } = this.#env;
    const count = this.#question.blanks ?? 1;
    const fields = Array.from({ length: count }, (_, n) => this.#field(t("blank_n", { n: n + 1 })));
    fields.forEach((field, n) => {
      field.id = `${prefix}-typed-${n}`;
      field.setAttribute("aria-describedby", `${prefix}-stem`);
    });
    const placed = placeInText(stem, fields.map((field, n) => withNumber(field, n, count)));
    const rest = fields.slice(placed).map((field, n) => el("p", { class: "number-line" }, withNumber(field, placed + n, count)));
    box.replaceChildren(how(this.#question), ...rest);
    return fields;
  }

  #field(label) {
    const field = el("input", { type: "text", class: "typed", "aria-label": label, maxlength: MOST[this.#question.kind], spellcheck: "false" });
    for (const [name, value] of [["autocomplete", "off"], ["autocapitalize", "off"], ["enterkeyhint", "next"]]) field.setAttribute(name, value);
    fit(field);
    field.addEventListener("input", (event) => event.isComposing || this.#typed(field));
    field.addEventListener("compositionend", () => this.#typed(field));
    field.addEventListener("blur", () => this.#env.settle());
    field.addEventListener("keydown", (event) => this.#key(event, field));
    return field;
  }

  #typed(field) {
    fit(field);
    const most = MOST[this.#question.kind];
    const texts = this.#fields.map(({ value }) => typedText(value, most));
    this.#told = texts.some((text) => text.trim()) ? texts : [];
    this.#look();
    this.#env.type(this.#question.slot, this.#told);
  }

  /** Enter goes to the next field, Escape leaves the fields, so that the keys of the page work again. */
  #key(event, field) {
    if (event.isComposing) return;
    if (event.key === "Enter") {
      event.preventDefault();
      this.#env.settle();
      this.#fields[this.#fields.indexOf(field) + 1]?.focus();
    } else if (event.key === "Escape") {
      document.getElementById(`${this.#env.prefix}-number`).focus({ preventScroll: true });
    }
  }

  /** Says that something is no number, when the candidate has written something. */
  #look() {
    if (!this.#hint) return;
    const [text = ""] = this.#told ?? [];
    setText(this.#hint, text.trim() && !looksLikeNumber(text, this.#question.unit) ? t("no_number") : "");
  }
}

/** Whether the server could read a number in it; a unit of letters or signs behind it is its business. */
function looksLikeNumber(text, unit = "") {
  const plain = (one) => one.normalize("NFKC").replace(/\s/g, "").replace(/。/g, ".").replace(/[−–—‐‑]/g, "-");
  const written = plain(text);
  const bare = unit && written.endsWith(plain(unit)) ? written.slice(0, -plain(unit).length) : written;
  return /^[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,2})?(?![\d.,])\D*$/.test(bare);
}

/** Wide enough for what stands in it; a Chinese character is two columns wide. */
function fit(field) {
  const columns = [...field.value].reduce((sum, one) => sum + (one > "\u2e7f" ? 2 : 1), 1);
  field.size = Math.min(Math.max(columns, NARROW), WIDE);
}

function withNumber(field, n, count) {
  const number = count > 1 ? el("span", { class: "blank-n", "aria-hidden": "true" }, String(n + 1)) : null;
  return el("span", { class: "blank" }, number, field);
}

/** Put `elements` in the place of the blanks written in the text of `root`, formulas left alone; how many found a place. */
function placeInText(root, elements) {
  const texts = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) if (!walker.currentNode.parentElement.closest(".math")) texts.push(walker.currentNode);
  let placed = 0;
  for (let text of texts) {
    for (let found = BLANK.exec(text.data); found && placed < elements.length; found = BLANK.exec(text.data)) {
      const rest = text.splitText(found.index + found[0].length);
      text.data = text.data.slice(0, found.index);
      text.after(elements[placed]);
      placed += 1;
      text = rest;
    }
  }
  return placed;
}
