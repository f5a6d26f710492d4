/**
 * Putting options in order: a list whose rows move up and down by buttons, or with Shift and the arrow keys. No dragging needed.
 *
 * The first showing is an order drawn for this candidate and not an answer; moving a row, or confirming the order, answers.
 */
import { byId, el, setText, show, toggleAttribute } from "../../dom.js";
import { optionLetter, t } from "../../text.js";
import { how, lettered, optionText, stepFocus } from "./parts.js";

export class OrderingAnswer {
  #question;
  #env;
  #list;
  #rows = new Map();
  #order;
  #open;
  #locked = false;

  constructor(question, env) {
    this.#question = question;
    this.#env = env;
    this.#order = question.options.map(({ id }) => id);
    question.options.forEach((option, position) => this.#rows.set(option.id, this.#row(option, position)));
    const { box, prefix } = env;
    this.#list = el("ol", { class: "order-list", "aria-labelledby": `${prefix}-number ${prefix}-stem` });
    const confirm = el("button", { type: "button", class: "btn", onclick: () => this.#answered() }, t("order_confirm"));
    this.#open = el("p", { class: "order-open" }, el("span", {}, t("order_open")), " ", confirm);
    box.replaceChildren(how(question), this.#list, this.#open);
  }

  get keyCount() {
    return this.#order.length;
  }

  keysText() {
    return t("keys_ordering");
  }

  refresh(value, locked) {
    const drawn = this.#question.options.map(({ id }) => id);
    const whole = value.length === drawn.length && drawn.every((id) => value.includes(id));
    this.#order = whole ? [...value] : drawn;
    this.#locked = locked;
    show(this.#open, !whole);
    this.#open.querySelector("button").disabled = locked;
    this.#list.classList.toggle("answered", whole);
    this.#place();
  }

  /** A key that names an option puts the focus on its row. */
  press(position) {
    this.#rows.get(this.#question.options[position]?.id)?.querySelector("button:not([aria-disabled])")?.focus();
  }

  focusStep(step) {
    const active = document.activeElement;
    const name = active?.dataset?.move ?? "up";
    stepFocus([...this.#list.querySelectorAll(`[data-move="${name}"]`)], step);
  }

  #row(option, position) {
    const id = `${this.#env.prefix}-row-${position}`;
    const letter = optionLetter(position);
    const button = (name, sign, step) =>
      el("button", { type: "button", class: "btn", "data-move": name, "aria-label": t(`move_${name}`, { letter }), "aria-describedby": id, onclick: () => this.#move(option.id, step) }, sign);
    const row = el(
      "li",
      { class: "order-row", onkeydown: (event) => this.#key(event, option.id) },
      el("span", { class: "rank" }),
      lettered(position),
      optionText(option, this.#env.mediaUrl, { id }),
      el("span", { class: "moves" }, button("up", "↑", -1), button("down", "↓", 1)),
    );
    row.dataset.letter = letter;
    return row;
  }

  #key(event, id) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.code];
    if (!event.shiftKey || !step) return;
    event.preventDefault();
    event.stopPropagation();
    this.#move(id, step);
  }

  #move(id, step) {
    const from = this.#order.indexOf(id);
    const to = from + step;
    if (this.#locked || to < 0 || to >= this.#order.length) return;
    const order = [...this.#order];
    order.splice(from, 1);
    order.splice(to, 0, id);
    const focused = document.activeElement?.dataset?.move;
    this.#order = order;
    this.#answered();
    const row = this.#rows.get(id);
    (row.querySelector(`[data-move="${focused}"]`) ?? row.querySelector("button")).focus();
    setText(byId("place-said"), t("moved", { letter: row.dataset.letter, n: to + 1, total: order.length }));
  }

  #answered() {
    if (!this.#locked) this.#env.answer(this.#question.slot, [...this.#order]);
  }

  #place() {
    const last = this.#order.length - 1;
    this.#order.forEach((id, n) => {
      const row = this.#rows.get(id);
      if (this.#list.children[n] !== row) this.#list.insertBefore(row, this.#list.children[n] ?? null);
      setText(row.firstElementChild, String(n + 1));
      for (const [name, dead] of [["up", n === 0], ["down", n === last]]) {
        toggleAttribute(row.querySelector(`[data-move="${name}"]`), "aria-disabled", dead || this.#locked, "true");
      }
    });
  }
}
