/**
 * Question and answer sheet side by side, with the buttons and keys to move. The exam and the practice differ only in what
 * `actions` do.
 */
import { byId, setText, show } from "../dom.js";
import { listen } from "../keyboard.js";
import { t } from "../text.js";
import { QuestionView } from "./question.js";
import { SheetView } from "./sheet.js";

export class Workspace {
  #paper;
  #answers;
  #actions;
  #question;
  #sheet;
  #root;
  #unlisten;
  #said;
  position = 0;

  /**
   * @param {HTMLElement} root
   * @param {string} prefix for ids
   * @param {import("../paper.js").Paper} paper
   * @param {import("../answers.js").Answers} answers
   * @param {{ answer: Function, type: Function, settle: () => void, flag: Function, report?: Function, handIn?: Function,
   *   locked: () => boolean, reported: (slot: number) => boolean, seen?: (slot: number) => void }} actions `answer` is a whole
   *   answer, `type` one that is being typed, until `settle`; without `report` and `handIn` those buttons are not there; `seen`
   *   hears which question is on screen
   * @param {number | null} slot the question to begin with; the first one when null or not of this paper
   */
  constructor(root, prefix, paper, answers, actions, slot = null) {
    this.#root = root;
    this.#paper = paper;
    this.#answers = answers;
    this.#actions = actions;
    this.#said = byId("place-said");
    root.replaceChildren(byId("workspace-template").content.cloneNode(true));
    const { answer, type, settle } = actions;
    this.#question = new QuestionView((name) => this.#part(name), prefix, paper.mediaUrl, { answer, type, settle });
    this.#sheet = new SheetView(this.#part("groups"), paper, prefix, (position) => this.go(position, "sheet"));
    this.#wire();
    answers.addEventListener("change", ({ detail }) => this.#changed(detail.slot));
    for (const question of paper.questions) this.#refreshCell(question);
    this.#unlisten = listen({ optionCount: () => this.#question.keyCount, act: (key) => this.#key(key) });
    this.go(paper.positionOf(slot) ?? 0, "start");
  }

  get current() {
    return this.#paper.questions[this.position];
  }

  /** Show the question at `position`; `by` says what moved, and so where the focus belongs. */
  go(position, by) {
    if (position < 0 || position >= this.#paper.size) return;
    const inSheet = this.#sheet.holdsFocus();
    this.#actions.settle();
    this.position = position;
    this.#actions.seen?.(this.current.slot);
    this.#question.show(this.current, this.#paper.size);
    this.#sheet.setCurrent(position);
    this.refresh();
    this.#part("previous").disabled = position === 0;
    this.#part("next").disabled = position === this.#paper.size - 1;
    if (by === "key" && inSheet) this.#sheet.focusCurrent();
    else if (by !== "start" && by !== "button") this.#question.focusHeading();
    if (by === "button") this.#afterButton();
  }

  /** Bring the question on screen up to date (answers, lock). */
  refresh() {
    const { slot } = this.current;
    this.#question.refresh({
      value: this.#answers.value(slot),
      flagged: this.#answers.flagged(slot),
      reported: this.#actions.reported(slot),
      locked: this.#actions.locked(),
    });
  }

  setHandInHint(text) {
    setText(this.#part("hand-in-hint"), text);
  }

  destroy() {
    this.#unlisten();
    this.#root.replaceChildren();
  }

  #part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }

  #wire() {
    const click = (name, act) => this.#part(name).addEventListener("click", act);
    click("previous", () => this.go(this.position - 1, "button"));
    click("next", () => this.go(this.position + 1, "button"));
    click("flag", () => this.#toggleFlag());
    click("clear", () => this.#clear());
    click("report", () => this.#actions.report?.(this.current));
    click("hand-in", () => this.#actions.handIn?.());
    if (!this.#actions.report) this.#question.hideReport();
    show(this.#part("sheet-foot"), Boolean(this.#actions.handIn));
  }

  #key(key) {
    if (!this.#root.isConnected || this.#root.closest("[hidden]") || this.#actions.locked()) return false;
    if (key.do === "answer") this.#question.press(key.position);
    else if (key.do === "focus") this.#question.focusOption(key.step);
    else if (key.do === "flag") this.#toggleFlag();
    else if (key.do === "clear") {
      if (this.#question.clearsByKey) this.#clear();
    } else this.go(this.position + (key.do === "next" ? 1 : -1), "key");
    return true;
  }

  #toggleFlag() {
    const { slot } = this.current;
    this.#actions.flag(slot, !this.#answers.flagged(slot));
  }

  #clear() {
    const { slot } = this.current;
    if (this.#answers.answered(slot)) this.#actions.answer(slot, []);
  }

  #changed(slot) {
    const question = this.#paper.questions[this.#paper.positionOf(slot)];
    if (!question) return;
    this.#refreshCell(question);
    if (question === this.current) this.refresh();
  }

  #refreshCell(question) {
    const { slot } = question;
    this.#sheet.refresh(question, { answered: this.#answers.answered(slot), flagged: this.#answers.flagged(slot) });
  }

  /** The focus stays on the button for the next press; the new place is said. A button that went dead hands it on. */
  #afterButton() {
    const active = document.activeElement;
    if (!active || active === document.body || active.disabled) this.#question.focusHeading();
    const { slot, number, kind } = this.current;
    const state = t(this.#answers.answered(slot) ? "state_answered" : "state_unanswered");
    setText(this.#said, t("place", { n: number, total: this.#paper.size, kind: t(`kind_${kind}`), state }));
  }
}
