/**
 * Banners under the header: what happened, whether answers are safe, what to do. Calm, no blinking, none covers the question.
 */
import { byId, el, setText } from "../dom.js";
import { t } from "../text.js";

export class Notices {
  #root = byId("notices");
  #kept = new Map();

  /** A standing notice, there as long as `on`. */
  keep(key, on, { tone = "info", title = "", text, button = null }) {
    const shown = this.#kept.get(key);
    if (!on) {
      shown?.remove();
      this.#kept.delete(key);
    } else if (!shown) {
      const notice = el("div", { class: `alert ${tone}` }, el("p", {}, title && el("strong", {}, `${title} `), el("span", {}, text)));
      if (button) notice.append(el("button", { type: "button", class: "btn", onclick: button.act }, button.text));
      this.#kept.set(key, notice);
      this.#root.append(notice);
    } else {
      setText(shown.querySelector("span"), text);
    }
  }

  /** A notice that stays until it is closed. */
  say({ tone = "info", title = "", text }) {
    const notice = el(
      "div",
      { class: `alert ${tone} closable` },
      el("p", {}, title && el("strong", {}, `${title} `), el("span", {}, text)),
      el("button", { type: "button", class: "btn quiet", onclick: () => notice.remove() }, t("close")),
    );
    this.#root.append(notice);
  }

  clear() {
    this.#kept.clear();
    this.#root.replaceChildren();
  }
}
