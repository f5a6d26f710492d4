/**
 * The top of the page: time left, counts, the save badge, text size.
 */
import { byId, setText, show } from "../dom.js";
import { clockText, t } from "../text.js";

const SIZE_KEY = "jikao.text-size";
const SHORT_MS = 5 * 60_000;

export class Header {
  #state = byId("exam-state");
  #badge = byId("save-badge");
  #badgeText = byId("save-text");
  #time = byId("time-text");
  #timeBox = byId("time-left");

  constructor() {
    for (const button of document.querySelectorAll(".sizes button")) {
      button.addEventListener("click", () => this.#setSize(button.dataset.size));
    }
    this.#setSize(read(SIZE_KEY) ?? "1");
  }

  /** Time, badge and counts belong to the open exam only. */
  showState(visible) {
    show(this.#state, visible);
  }

  time(remaining) {
    if (remaining === null) return;
    setText(this.#time, clockText(remaining));
    this.#timeBox.classList.toggle("short", remaining <= SHORT_MS);
  }

  /** "Saved" is said only when the server has acknowledged everything and can be reached. */
  badge({ unsaved, online }) {
    const state = online ? (unsaved ? "unsaved" : "saved") : "offline";
    const key = state === "offline" && unsaved ? "offline_unsaved" : state;
    this.#badge.dataset.state = state;
    setText(this.#badgeText, t(key, { n: unsaved }));
  }

  counts({ answered, unanswered, flagged }) {
    setText(byId("count-answered"), String(answered));
    setText(byId("count-unanswered"), String(unanswered));
    setText(byId("count-flagged"), String(flagged));
  }

  #setSize(size) {
    document.documentElement.dataset.size = size;
    for (const button of document.querySelectorAll(".sizes button")) {
      button.setAttribute("aria-pressed", String(button.dataset.size === size));
    }
    write(SIZE_KEY, size);
  }
}

/** The size outlives a reload (a language switch) but not the browser: the next candidate starts with the normal one. */
function read(key) {
  try {
    return sessionStorage.getItem(key);
  } catch (error) {
    console.warn("no session storage", error.name);
    return null;
  }
}

function write(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch (error) {
    console.warn("no session storage", error.name);
  }
}
