/**
 * The answer sheet (答题卡): one cell a question, in groups; state by fill, corner and words.
 */
import { el, setText, toggleAttribute } from "../dom.js";
import { t } from "../text.js";

export class SheetView {
  #cells = [];
  #current = -1;

  /**
   * @param {HTMLElement} root
   * @param {import("../paper.js").Paper} paper
   * @param {string} prefix for ids
   * @param {(position: number) => void} onGo
   */
  constructor(root, paper, prefix, onGo) {
    const chinese = document.documentElement.lang.startsWith("zh");
    root.replaceChildren(
      ...paper.groups().map(({ kind, set, section, questions }, index) => {
        const id = `${prefix}-group-${index}`;
        const title = set ? t("set_n", { n: set.n }) : (chinese && section?.title_zh) || t(`kind_${kind}`);
        const [first, last] = [questions[0].number, questions[questions.length - 1].number];
        const range = first === last ? String(first) : t("group_range", { from: first, to: last });
        return el(
          "section",
          { class: "group", "aria-labelledby": id },
          el("h3", { id }, el("span", {}, title), " ", el("span", { class: "muted" }, range)),
          el("div", { class: "cells" }, ...questions.map((question) => this.#cell(question))),
        );
      }),
    );
    root.addEventListener("click", (event) => {
      const cell = event.target.closest?.("[data-position]");
      if (cell) onGo(Number(cell.dataset.position));
    });
  }

  /** Show the state of one question. */
  refresh(question, { answered, flagged }) {
    const cell = this.#cells[question.position];
    cell.classList.toggle("answered", answered);
    cell.classList.toggle("flagged", flagged);
    const state = t(answered ? "state_answered" : "state_unanswered");
    cell.setAttribute("aria-label", t(flagged ? "cell_flagged" : "cell", { n: question.number, state }));
  }

  /** The question on screen: the one cell in the tab order. */
  setCurrent(position) {
    for (const at of [this.#current, position]) {
      const cell = this.#cells[at];
      if (!cell) continue;
      toggleAttribute(cell, "aria-current", at === position, "true");
      cell.tabIndex = at === position ? 0 : -1;
    }
    this.#current = position;
    this.#reveal(this.#cells[position]);
  }

  holdsFocus() {
    return this.#cells.includes(document.activeElement);
  }

  focusCurrent() {
    this.#cells[this.#current]?.focus({ preventScroll: true });
  }

  #cell(question) {
    const cell = el("button", { type: "button", class: "cell", "data-position": question.position, tabindex: -1 });
    setText(cell, String(question.number));
    this.#cells[question.position] = cell;
    return cell;
  }

  /** Scroll the sheet alone, never the page. */
  #reveal(cell) {
    const box = cell?.closest(".groups");
    if (!box) return;
    const top = cell.offsetTop - box.offsetTop;
    if (top < box.scrollTop) box.scrollTop = top - 8;
    else if (top + cell.offsetHeight > box.scrollTop + box.clientHeight) box.scrollTop = top + cell.offsetHeight - box.clientHeight + 8;
  }
}
