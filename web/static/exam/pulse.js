/**
 * One long poll after another: presence, time, and news (paused, credited, message, forced, ended, the bell).
 *
 * The server holds a poll up to 15 s. A failure is retried with jitter; `poke()` asks at once, without being held.
 */
import { get, retryDelay, Waiter } from "./api.js";

const TIMEOUT_MS = 25_000;
const ASK_TIMEOUT_MS = 8000;
const LEAST_ROUND_MS = 400;

export class Pulse extends EventTarget {
  #where;
  #abort = null;
  #asking = false;
  #stopped = true;
  #waiter = new Waiter();

  /** @param {() => { epoch: number, version: number }} where what the next poll asks about */
  constructor(where) {
    super();
    this.#where = where;
  }

  async start() {
    if (!this.#stopped) return;
    this.#stopped = false;
    let attempt = 0;
    while (!this.#stopped) {
      const asking = this.#asking;
      this.#asking = false;
      this.#abort = new AbortController();
      const { epoch, version } = this.#where();
      const reply = await get(`pulse?epoch=${epoch}&v=${asking ? -1 : version}`, {
        timeoutMs: asking ? ASK_TIMEOUT_MS : TIMEOUT_MS,
        signal: this.#abort.signal,
      });
      if (this.#stopped) return;
      if (this.#asking) continue; // poked while waiting: that answer is not wanted any more
      attempt = reply.known ? 0 : attempt + 1;
      // how long the server held the poll is not travel time: only a question answered at once tells that
      const detail = asking ? reply : { ...reply, sentAt: performance.now() };
      this.dispatchEvent(new CustomEvent("reply", { detail }));
      await this.#pause(reply, attempt);
    }
  }

  /** Ask now. */
  poke() {
    this.#asking = true;
    this.#abort?.abort();
    this.#waiter.wake();
  }

  stop() {
    this.#stopped = true;
    this.#abort?.abort();
    this.#waiter.wake();
  }

  async #pause(reply, attempt) {
    if (this.#stopped || this.#asking) return;
    if (!reply.known) await this.#waiter.wait(retryDelay(attempt, reply.retryMs || 250));
    else if (performance.now() - reply.sentAt < LEAST_ROUND_MS) await this.#waiter.wait(LEAST_ROUND_MS);
  }
}
