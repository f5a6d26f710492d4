/**
 * The way into the paper: asks the server to open the sitting until it gives a clear answer, and again at the bell.
 *
 * Every page has a name of its own (`page`), which makes asking twice the same as asking once; `renew()` takes another one, for
 * a new epoch inside a page. A paper that travelled ahead as ciphertext is unlocked here, so that who listens gets a paper either
 * way. Events: `link` (every reply), `waits` (why: `paper`, `plain`, `unreachable`).
 */
import { pageId, post, retryDelay, Waiter } from "./api.js";

const OPEN_TIMEOUT_MS = 30_000;

export class Door extends EventTarget {
  #sealed;
  #sitting;
  #settle;
  #page = pageId();
  #opening = false;
  #waiter = new Waiter();
  #again = null;

  /**
   * @param {import("./package.js").PaperPackage} sealed
   * @param {{ phase: string, paper: import("./paper.js").Paper | null }} sitting looked at, never changed
   * @param {(reply: import("./api.js").Reply) => void | Promise<void>} settle gets the server's clear answer
   */
  constructor(sealed, sitting, settle) {
    super();
    this.#sealed = sealed;
    this.#sitting = sitting;
    this.#settle = settle;
  }

  /** Name of this page load, or of what follows it inside the page. */
  get page() {
    return this.#page;
  }

  get opening() {
    return this.#opening;
  }

  renew() {
    this.#page = pageId();
  }

  /** Wait longer from time to time: a page that has to open again and again must not do it as fast as it can. */
  rest(attempt) {
    return this.#waiter.wait(retryDelay(Math.min(attempt, 5)));
  }

  /** No more waiting. */
  leave() {
    this.#waiter.wake();
  }

  /** Ask until there is a clear answer; asking while asking is one question. */
  async open() {
    if (this.#opening) return;
    this.#opening = true;
    for (let attempt = 0; this.#wanted(); attempt += 1) {
      const reply = await post("open", { page: this.#page, ...this.#held() }, { timeoutMs: OPEN_TIMEOUT_MS });
      this.#tell("link", reply);
      if (!this.#wanted()) break;
      if (reply.known && reply.status === 200 && !(await this.#unlocked(reply.body))) continue; // now for the paper itself
      if (reply.known) {
        await this.#settle(reply);
        break;
      }
      this.#tell("waits", reply.reached && reply.body.error === "paper" ? "paper" : "unreachable");
      await this.#waiter.wait(retryDelay(attempt, reply.retryMs));
    }
    this.#opening = false;
  }

  /** Ask once more after a while, if the page still waits then. */
  later(delay) {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#sitting.phase === "waiting" && this.open(), delay);
  }

  #wanted() {
    return this.#sitting.phase === "waiting" || this.#sitting.phase === "open";
  }

  /** What this page has of the paper, so that only the rest need travel. */
  #held() {
    const { paper } = this.#sitting;
    if (paper) return { have: paper.digest };
    return this.#sealed.held ? { package: this.#sealed.held } : {};
  }

  /** Put the paper in the place of its key, if that is what came; false when the package here cannot be opened. */
  async #unlocked(body) {
    if (body.package_key === undefined) return true;
    try {
      body.paper = await this.#sealed.unlock(body.package_key, body.paper_digest);
      return true;
    } catch (error) {
      console.warn("the paper kept here could not be opened", error?.name);
      await this.#sealed.purge();
      this.#tell("waits", "plain");
      return false;
    } finally {
      delete body.package_key;
    }
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
