/**
 * Matching: beside each line a list to choose one option from; the options with their letters stand next to the lines.
 */
import { el, setText } from "../../dom.js";
import { optionLetter, t } from "../../text.js";
import { how, lettered, optionText, stepFocus } from "./parts.js";

const SHOWN = 24;

export class MatchingAnswer {
  #question;
  #env;
  #selects;
  #note;

  constructor(question, env) {
    this.#question = question;
    this.#env = env;
    const { box, prefix, mediaUrl } = env;
    const lines = question.prompts.map((prompt, n) => this.#line(prompt, n));
    this.#selects = lines.map((line) => line.querySelector("select"));
    this.#note = el("p", { class: "how hint", role: "status" });
    const choices = question.options.map((option, n) => el("li", {}, lettered(n), optionText(option, mediaUrl)));
    box.replaceChildren(
      how(question),
      el(
        "div",
        { class: "matching" },
        el("ol", { class: "match-lines", "aria-labelledby": `${prefix}-number ${prefix}-stem` }, ...lines),
        el("ul", { class: "match-options", "aria-label": t("match_options") }, ...choices),
      ),
      this.#note,
    );
  }

  keyCount = 0;

  keysText() {
    return t("keys_matching");
  }

  refresh(value, locked) {
    this.#selects.forEach((select, n) => {
      select.value = String(value.length === this.#selects.length ? value[n] : 0);
      if (select.selectedIndex < 0) select.value = "0";
      select.disabled = locked;
    });
    const used = value.filter((id) => id);
    const twice = this.#question.options.map(({ id }) => id).filter((id) => used.indexOf(id) !== used.lastIndexOf(id));
    const letters = twice.map((id) => this.#letterOf(id)).join(" ");
    setText(this.#note, twice.length ? t("match_twice", { letters }) : "");
  }

  press() {}

  focusStep(step) {
    stepFocus(this.#selects, step);
  }

  #line(prompt, n) {
    const id = `${this.#env.prefix}-line-${n}`;
    const select = el(
      "select",
      { "aria-label": t("match_line", { n: n + 1 }), "aria-describedby": id, autocomplete: "off", onchange: () => this.#answered() },
      el("option", { value: 0 }, t("match_none")),
      ...this.#question.options.map((option, position) => el("option", { value: option.id }, this.#shortly(option, position))),
    );
    return el("li", { class: "match-line" }, el("span", { class: "letter" }, String(n + 1)), optionText(prompt, this.#env.mediaUrl, { id }), select);
  }

  /** Letter and beginning of an option: a list can show text only. */
  #shortly(option, position) {
    const box = el("span", {});
    box.append(optionText(option, () => null));
    if (box.querySelector(".math")) return optionLetter(position);
    const text = box.textContent.trim().replace(/\s+/g, " ");
    return `${optionLetter(position)} ${text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text}`.trim();
  }

  #letterOf(id) {
    return optionLetter(this.#question.options.findIndex((option) => option.id === id));
  }

  #answered() {
    const chosen = this.#selects.map((select) => Number(select.value));
    this.#env.answer(this.#question.slot, chosen.some((id) => id) ? chosen : []);
  }
}
