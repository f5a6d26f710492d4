/**
 * One question, large: its head, the text it may share with others, the stem, and below it the way to answer that its kind has
 * (`answers/`). Used by the exam and by the practice alike.
 */
import { typeset } from "../../formulas.js";
import { el, setText, show, toggleAttribute } from "../dom.js";
import { safeFragment } from "../html.js";
import { t } from "../text.js";
import { ChoiceAnswer } from "./answers/choice.js";
import { MatchingAnswer } from "./answers/matching.js";
import { OrderingAnswer } from "./answers/ordering.js";
import { TypedAnswer } from "./answers/typed.js";

const ANSWERS = { fill_in: TypedAnswer, numeric: TypedAnswer, matching: MatchingAnswer, ordering: OrderingAnswer };

export class QuestionView {
  #parts;
  #prefix;
  #mediaUrl;
  #actions;
  #answer = null;
  question = null;

  /**
   * @param {(name: string) => HTMLElement} part finds `data-part` elements
   * @param {string} prefix for ids
   * @param {(digest: string) => string | null} mediaUrl
   * @param {{ answer: Function, type: Function, settle: Function }} actions see `Workspace`
   */
  constructor(part, prefix, mediaUrl, actions) {
    this.#prefix = prefix;
    this.#mediaUrl = mediaUrl;
    this.#actions = actions;
    const names = ["question", "number", "kind", "shared", "shared-title", "shared-text", "stem", "options", "body", "asked"];
    const tools = ["flag", "clear", "report", "keys"];
    this.#parts = Object.fromEntries([...names, ...tools].map((name) => [name, part(name)]));
    this.#parts.number.id = `${prefix}-number`;
    this.#parts.stem.id = `${prefix}-stem`;
    this.#parts["shared-title"].id = `${prefix}-shared`;
    this.#parts["shared-text"].setAttribute("aria-labelledby", `${prefix}-shared`);
    this.#parts.question.setAttribute("aria-labelledby", `${prefix}-number`);
  }

  /** Which presses of keys the question has a use for: see `keyboard.js`. */
  get keyCount() {
    return this.#answer.keyCount;
  }

  /** Whether Delete clears the answer: not where it took long to give. */
  get clearsByKey() {
    return this.#answer instanceof ChoiceAnswer;
  }

  /** Show `question` of a paper with `total` questions. */
  show(question, total) {
    const before = this.question;
    this.question = question;
    const { number, kind, stem, options, body, asked, keys } = this.#parts;
    number.replaceChildren(
      el("span", { class: "n" }, t("question_n", { n: question.number })),
      " ",
      el("span", { class: "muted" }, t("of_total", { n: total })),
    );
    setText(kind, kindText(question));
    if (!question.set || before?.set !== question.set) this.#showShared(question);
    stem.replaceChildren(safeFragment(question.stem_html, this.#mediaUrl));
    for (const name of ["role", "aria-labelledby"]) options.removeAttribute(name);
    options.replaceChildren();
    const Answer = ANSWERS[question.kind] ?? ChoiceAnswer;
    this.#answer = new Answer(question, { stem, box: options, prefix: this.#prefix, mediaUrl: this.#mediaUrl, ...this.#actions });
    typeset(this.#parts.question);
    for (const scrolled of [body, asked]) scrolled.scrollTop = 0;
    setText(keys, this.#answer.keysText());
  }

  /** The text of a set stays as it is, scrolled and folded, while the candidate moves within the set. */
  #showShared({ set, stimulus_html: html }) {
    const { shared, body } = this.#parts;
    show(shared, Boolean(set));
    body.classList.toggle("with-shared", Boolean(set));
    if (!set) return;
    setText(this.#parts["shared-title"], t("shared_title", { n: set.n, from: set.from, to: set.to }));
    this.#parts["shared-text"].replaceChildren(safeFragment(html, this.#mediaUrl));
    this.#parts["shared-text"].scrollTop = 0;
    shared.open = true;
  }

  /** Bring what is answered, marked and reported up to date, and lock or unlock. */
  refresh({ value, flagged, reported, locked }) {
    this.#answer.refresh(value, locked);
    const { flag, clear, report } = this.#parts;
    flag.setAttribute("aria-pressed", String(flagged));
    setText(flag.querySelector("span"), flagged ? t("marked") : t("mark"));
    toggleAttribute(flag, "disabled", locked);
    toggleAttribute(clear, "aria-disabled", locked || value.length === 0, "true");
    toggleAttribute(report, "disabled", locked || reported);
    setText(report, reported ? t("reported") : t("report"));
  }

  /** A key for the option at `position`. */
  press(position) {
    this.#answer.press(position);
  }

  /** Move the focus among the controls without answering. */
  focusOption(step) {
    this.#answer.focusStep(step);
  }

  focusHeading() {
    this.#parts.number.focus({ preventScroll: true });
  }

  hideReport() {
    show(this.#parts.report, false);
  }
}

export function kindText(question) {
  const kind = t(`kind_${question.kind}`);
  return question.marks ? t("kind_marks", { kind, marks: question.marks / 100 }) : kind;
}
