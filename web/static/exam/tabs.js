/**
 * One page per sitting on this computer.
 *
 * In a secure context a Web Lock keeps a second tab out until the candidate chooses it. Without one (plain http in a LAN) a
 * broadcast tells the older page to step aside; and everywhere the server's epochs and the outbox's owner have the last word.
 */

const TRIES = 5;
const BETWEEN_MS = 300;

export class Tab extends EventTarget {
  #name;
  #channel;
  #release = null;

  constructor(sitting) {
    super();
    this.#name = `jikao.sitting.${sitting}`;
    this.#channel = new BroadcastChannel(this.#name);
    this.#channel.onmessage = ({ data }) => {
      if (data === "step aside") this.#lost();
    };
  }

  /** True when this page may go on; false when another page of this computer holds the sitting. */
  async claim() {
    if (!navigator.locks) {
      this.#channel.postMessage("step aside");
      return true;
    }
    // a page that is being reloaded may hold the lock for a moment longer
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (await this.#hold({ ifAvailable: true })) return true;
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    }
    return false;
  }

  /** The candidate chose this page. */
  async steal() {
    this.#channel.postMessage("step aside");
    return this.#hold({ steal: true });
  }

  release() {
    this.#release?.();
    this.#channel.close();
  }

  #hold(options) {
    return new Promise((resolve) => {
      let held = false;
      navigator.locks
        .request(this.#name, options, (lock) => {
          held = lock !== null;
          if (!held) {
            resolve(false);
            return null;
          }
          resolve(true);
          return new Promise((release) => {
            this.#release = release;
          });
        })
        .catch(() => {
          if (held) this.#lost();
          resolve(false);
        });
    });
  }

  #lost() {
    this.dispatchEvent(new Event("lost"));
  }
}
