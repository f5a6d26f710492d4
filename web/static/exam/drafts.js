/**
 * Words being typed: one operation a pause, not one a key.
 *
 * A draft is a change the page shows already and has not handed to the sender. It waits for a pause in typing, and never longer
 * than a few seconds; whoever needs it sooner (a field that is left, a page that is hidden, a hand-in) settles it. Until then
 * it counts as unsaved.
 */
import { sameValue } from "./answers.js";

const PAUSE_MS = 800;
const LONGEST_MS = 5000;

export class Drafts {
  #open = new Map();
  #timer = null;
  #send;

  /** @param {(slot: number) => void} send hands on what the slot holds by now */
  constructor(send) {
    this.#send = send;
  }

  get size() {
    return this.#open.size;
  }

  /** The answer to `slot` is being changed; `before` and `now` are its values before and after this key. */
  touch(slot, before, now) {
    const draft = this.#open.get(slot) ?? { since: performance.now(), before };
    this.#open.set(slot, { ...draft, now });
    const oldest = Math.min(...[...this.#open.values()].map(({ since }) => since));
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.settle(), Math.min(PAUSE_MS, Math.max(0, oldest + LONGEST_MS - performance.now())));
  }

  /** Hand on everything; a text that came back to what it was is no change. */
  settle() {
    const settled = [...this.#open];
    this.clear();
    for (const [slot, { before, now }] of settled) if (!sameValue(before, now)) this.#send(slot);
  }

  /** This slot's change goes another way. */
  drop(slot) {
    this.#open.delete(slot);
  }

  clear() {
    clearTimeout(this.#timer);
    this.#open.clear();
  }
}
