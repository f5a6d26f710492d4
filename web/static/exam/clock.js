/**
 * Time left, by the server's word and this computer's steady counter.
 *
 * `Date` is never used for the countdown: the clocks of exam rooms are wrong, and somebody may set them. Between two words
 * of the server `performance.now()` counts on. It can stand still while a machine sleeps, so the page asks again whenever it
 * becomes visible.
 */

const TICK_MS = 250;

export class Clock extends EventTarget {
  #remaining = null;
  #anchor = 0;
  #serverMs = null;
  #serverAnchor = 0;
  #running = false;
  #timer = null;
  #zeroTold = false;

  /**
   * The server's word: `remaining_ms` until the sitting closes (null: no end known yet), `server_ms` its clock.
   * `sentAt` is `performance.now()` when the request left: half of the way there and back is taken off, at most 2 s.
   */
  sync({ remaining_ms: remaining, server_ms: serverMs, running = true }, sentAt = performance.now()) {
    const now = performance.now();
    const travel = Math.min(Math.max(0, now - sentAt) / 2, 2000);
    this.#anchor = now - travel;
    if (remaining !== undefined) this.#remaining = remaining;
    if (serverMs !== undefined) {
      this.#serverMs = serverMs;
      this.#serverAnchor = this.#anchor;
    }
    this.#running = running;
    if (remaining > 0) this.#zeroTold = false;
    this.#tick();
    this.#timer ??= setInterval(() => this.#beat(), TICK_MS);
  }

  /** Milliseconds left, never below 0; null while no end is known. */
  remaining() {
    if (this.#remaining === null) return null;
    return Math.max(0, this.#remaining - (this.#running ? performance.now() - this.#anchor : 0));
  }

  /** The server's clock now (Unix ms), as far as known; null before the first word. */
  serverNow() {
    return this.#serverMs === null ? null : this.#serverMs + (performance.now() - this.#serverAnchor);
  }

  stop() {
    clearInterval(this.#timer);
    this.#timer = null;
  }

  #tick() {
    this.dispatchEvent(new CustomEvent("tick", { detail: { remaining: this.remaining() } }));
  }

  /** Zero is told from the beat alone: a server that says "a few ms more" is asked again a beat later, not at once. */
  #beat() {
    this.#tick();
    if (this.remaining() === 0 && this.#running && !this.#zeroTold) {
      this.#zeroTold = true;
      this.dispatchEvent(new Event("zero"));
    }
  }
}
