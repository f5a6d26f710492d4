/**
 * Choosing options: native radio buttons or check boxes, each with its whole label as the target.
 */
import { el } from "../../dom.js";
import { optionLetter, t } from "../../text.js";
import { how, lettered, optionText, stepFocus } from "./parts.js";

export class ChoiceAnswer {
  #question;
  #env;
  #inputs;

  constructor(question, env) {
    this.#question = question;
    this.#env = env;
    const { box, prefix } = env;
    box.setAttribute("role", question.kind === "multiple" ? "group" : "radiogroup");
    box.setAttribute("aria-labelledby", `${prefix}-number ${prefix}-stem`);
    const options = question.options.map((option, position) => this.#option(option, position));
    this.#inputs = options.map((label) => label.querySelector("input"));
    box.replaceChildren(how(question), ...options);
  }

  get keyCount() {
    return this.#inputs.length;
  }

  keysText() {
    const count = this.keyCount;
    return t("keys", { answer: `A-${optionLetter(count - 1)} / 1-${count}`, flag: count < 6 ? "F" : "0" });
  }

  refresh(value, locked) {
    for (const input of this.#inputs) {
      input.checked = value.includes(Number(input.value));
      input.disabled = locked;
      input.parentElement.classList.toggle("chosen", input.checked);
    }
  }

  /** Chooses the option; toggles it where several may be chosen. */
  press(position) {
    const input = this.#inputs[position];
    if (!input || input.disabled) return;
    input.checked = input.type === "radio" ? true : !input.checked;
    input.focus();
    this.#answered();
  }

  focusStep(step) {
    stepFocus(this.#inputs, step);
  }

  #option(option, position) {
    const id = `${this.#env.prefix}-option-${position}`;
    const input = el("input", {
      type: this.#question.kind === "multiple" ? "checkbox" : "radio",
      name: `${this.#env.prefix}-${this.#question.slot}`,
      value: option.id,
      id,
      autocomplete: "off",
      onchange: () => this.#answered(),
    });
    const label = el("label", { class: "option", for: id }, input, lettered(position), optionText(option, this.#env.mediaUrl));
    for (const type of ["focusin", "focusout"]) {
      label.addEventListener(type, ({ target }) => {
        label.classList.toggle("focused", type === "focusin" && target.matches(":focus-visible"));
      });
    }
    return label;
  }

  #answered() {
    const chosen = this.#inputs.filter((input) => input.checked).map((input) => Number(input.value));
    this.#env.answer(this.#question.slot, chosen.sort((a, b) => a - b));
  }
}
