/**
 * The three questions the page ever asks: hand in, not yet, what is wrong with a question. Native dialogs keep the focus.
 */
import { byId, el, setText, show } from "../dom.js";
import { beijing, clockText, t } from "../text.js";

const REASONS = [1, 2, 3, 4, 5];

export class Dialogs {
  #handIn = byId("hand-in-dialog");
  #early = byId("early-dialog");
  #report = byId("report-dialog");
  #onHandIn = () => {};
  #onReport = () => {};
  #onGo = () => {};

  constructor() {
    for (const dialog of [this.#handIn, this.#early, this.#report]) {
      part(dialog, "close").addEventListener("click", () => dialog.close());
    }
    part(this.#handIn, "yes").addEventListener("click", () => {
      this.#handIn.close();
      this.#onHandIn();
    });
    byId("report-form").addEventListener("submit", () => this.#sendReport());
    byId("report-reasons").replaceChildren(...REASONS.map(reason));
  }

  /** Ask once; names the unanswered and the marked questions, a number leads there. */
  askHandIn({ questions, answers }, { onHandIn, onGo }) {
    this.#onHandIn = onHandIn;
    this.#onGo = onGo;
    const { answered, unanswered } = answers.counts(questions);
    const key = unanswered ? "hand_in_summary" : "hand_in_all";
    setText(byId("hand-in-summary"), t(key, { answered, total: questions.length }));
    this.#numbers(byId("hand-in-unanswered"), questions.filter(({ slot }) => !answers.answered(slot)));
    this.#numbers(byId("hand-in-partly"), questions.filter(({ slot }) => answers.partly(slot)));
    this.#numbers(byId("hand-in-flagged"), questions.filter(({ slot }) => answers.flagged(slot)));
    this.#handIn.showModal();
  }

  /** Hand-in is not allowed yet: when it will be. */
  sayEarly(waitMs, serverNow) {
    const clock = beijing(serverNow + waitMs).slice(11, 16);
    setText(byId("early-text"), t("early_text", { clock, time: clockText(waitMs) }));
    if (!this.#early.open) this.#early.showModal();
  }

  askReport(question, onReport) {
    this.#onReport = onReport;
    setText(byId("report-title"), t("report_title", { n: question.number }));
    byId("report-form").reset();
    this.#report.showModal();
  }

  closeAll() {
    for (const dialog of [this.#handIn, this.#early, this.#report]) if (dialog.open) dialog.close();
  }

  #numbers(box, questions) {
    show(box, questions.length > 0);
    part(box, "numbers").replaceChildren(
      ...questions.map((question) =>
        el("button", { type: "button", class: "cell", "aria-label": t("question_n", { n: question.number }), onclick: () => this.#go(question) }, String(question.number)),
      ),
    );
  }

  #go(question) {
    this.#handIn.close();
    this.#onGo(question.position);
  }

  #sendReport() {
    const code = Number(new FormData(byId("report-form")).get("reason"));
    this.#onReport(code, byId("report-more").value.trim());
  }
}

function part(root, name) {
  return root.querySelector(`[data-part="${name}"]`);
}

function reason(code) {
  const input = el("input", { type: "radio", name: "reason", value: code, required: true });
  return el("label", { class: "reason" }, input, el("span", {}, t(`report_${code}`)));
}
