/**
 * One question, large, with native radio buttons or check boxes. Used by the exam and by the practice alike.
 */
import { el, setText, show, toggleAttribute } from "../dom.js";
import { safeFragment } from "../html.js";
import { typeset } from "../../formulas.js";
import { optionLetter, t } from "../text.js";

export class QuestionView {
  #parts;
  #prefix;
  #mediaUrl;
  #onAnswer;
  question = null;

  /**
   * @param {(name: string) => HTMLElement} part finds `data-part` elements
   * @param {string} prefix for ids
   * @param {(digest: string) => string | null} mediaUrl
   * @param {(slot: number, value: number[]) => void} onAnswer
   */
  constructor(part, prefix, mediaUrl, onAnswer) {
    this.#prefix = prefix;
    this.#mediaUrl = mediaUrl;
    this.#onAnswer = onAnswer;
    const names = ["question", "number", "kind", "stem", "options", "body", "flag", "clear", "report", "keys"];
    this.#parts = Object.fromEntries(names.map((name) => [name, part(name)]));
    this.#parts.number.id = `${prefix}-number`;
    this.#parts.stem.id = `${prefix}-stem`;
    this.#parts.question.setAttribute("aria-labelledby", `${prefix}-number`);
    this.#parts.options.addEventListener("change", () => this.#onAnswer(this.question.slot, this.#chosen()));
    for (const type of ["focusin", "focusout"]) {
      this.#parts.options.addEventListener(type, ({ target }) => {
        const focused = type === "focusin" && target.matches(":focus-visible");
        target.closest(".option")?.classList.toggle("focused", focused);
      });
    }
  }

  /** Show `question` of a paper with `total` questions. */
  show(question, total) {
    this.question = question;
    const { number, kind, stem, options, body } = this.#parts;
    number.replaceChildren(
      el("span", { class: "n" }, t("question_n", { n: question.number })),
      " ",
      el("span", { class: "muted" }, t("of_total", { n: total })),
    );
    setText(kind, kindText(question));
    stem.replaceChildren(safeFragment(question.stem_html, this.#mediaUrl));
    options.setAttribute("role", question.kind === "multiple" ? "group" : "radiogroup");
    options.setAttribute("aria-labelledby", `${this.#prefix}-number ${this.#prefix}-stem`);
    options.replaceChildren(
      el("p", { class: "how" }, t(`how_${question.kind}`)),
      ...question.options.map((option, position) => this.#option(question, option, position)),
    );
    typeset(this.#parts.question);
    body.scrollTop = 0;
    setText(this.#parts.keys, keysText(question.options.length));
  }

  /** Bring what is chosen, marked and reported up to date, and lock or unlock. */
  refresh({ value, flagged, reported, locked }) {
    for (const input of this.#inputs()) {
      input.checked = value.includes(Number(input.value));
      input.disabled = locked;
      input.parentElement.classList.toggle("chosen", input.checked);
    }
    const { flag, clear, report } = this.#parts;
    flag.setAttribute("aria-pressed", String(flagged));
    setText(flag.querySelector("span"), flagged ? t("marked") : t("mark"));
    toggleAttribute(flag, "disabled", locked);
    toggleAttribute(clear, "aria-disabled", locked || value.length === 0, "true");
    toggleAttribute(report, "disabled", locked || reported);
    setText(report, reported ? t("reported") : t("report"));
  }

  /** A key for the option at `position`: chooses it; toggles it where several may be chosen. */
  press(position) {
    const input = this.#inputs()[position];
    if (!input || input.disabled) return;
    input.checked = input.type === "radio" ? true : !input.checked;
    input.focus();
    this.#onAnswer(this.question.slot, this.#chosen());
  }

  /** Move the focus among the options without choosing. */
  focusOption(step) {
    const inputs = this.#inputs();
    const at = inputs.indexOf(document.activeElement);
    const next = at < 0 ? (step > 0 ? 0 : inputs.length - 1) : (at + step + inputs.length) % inputs.length;
    inputs[next]?.focus();
  }

  focusHeading() {
    this.#parts.number.focus({ preventScroll: true });
  }

  hideReport() {
    show(this.#parts.report, false);
  }

  #option(question, option, position) {
    const id = `${this.#prefix}-option-${position}`;
    const input = el("input", {
      type: question.kind === "multiple" ? "checkbox" : "radio",
      name: `${this.#prefix}-${question.slot}`,
      value: option.id,
      id,
      autocomplete: "off",
    });
    const text = el("span", { class: "option-text" });
    text.append(safeFragment(option.html, this.#mediaUrl));
    return el("label", { class: "option", for: id }, input, el("span", { class: "letter" }, optionLetter(position)), text);
  }

  #inputs() {
    return [...this.#parts.options.querySelectorAll("input")];
  }

  #chosen() {
    return this.#inputs().filter((input) => input.checked).map((input) => Number(input.value)).sort((a, b) => a - b);
  }
}

export function kindText(question) {
  const kind = t(`kind_${question.kind}`);
  return question.marks ? t("kind_marks", { kind, marks: question.marks / 100 }) : kind;
}

function keysText(count) {
  return t("keys", { answer: `A-${optionLetter(count - 1)} / 1-${count}`, flag: count < 6 ? "F" : "0" });
}
