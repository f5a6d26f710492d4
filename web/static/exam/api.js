/**
 * Requests to the server, and what their outcome means.
 *
 * A reply is either an *answer* (the server decided, whatever the status) or *unknown* (network fault, timeout, 429, 5xx, a
 * proxy's page): never "saved", never "lost", and always sent again.
 */

const BASE = "/exam/api/";

/**
 * @typedef {{ known: boolean, status: number, body: object, reached: boolean, retryMs: number, sentAt: number }} Reply
 *   `reached` is true when this server spoke, if only to say "busy"; `sentAt` is `performance.now()` at sending.
 */

/** @returns {Promise<Reply>} */
export function post(path, body, options = {}) {
  return request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }, options);
}

/** @returns {Promise<Reply>} */
export function get(path, options = {}) {
  return request(path, { method: "GET" }, options);
}

async function request(path, init, { timeoutMs = 8000, signal = null }) {
  const sentAt = performance.now();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), timeoutMs);
  const stop = () => controller.abort();
  signal?.addEventListener("abort", stop);
  try {
    if (signal?.aborted) return unknown(sentAt);
    const response = await fetch(BASE + path, {
      ...init,
      signal: controller.signal,
      credentials: "same-origin",
      cache: "no-store",
      redirect: "error",
    });
    return classify(response.status, await response.json(), sentAt);
  } catch {
    return unknown(sentAt);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function unknown(sentAt) {
  return { known: false, status: 0, body: {}, reached: false, retryMs: 0, sentAt };
}

/** Pure: what a status and a body mean. */
export function classify(status, body, sentAt) {
  const object = body !== null && typeof body === "object" && !Array.isArray(body) ? body : null;
  if (!object) return unknown(sentAt);
  const known = status !== 429 && status < 500;
  return { known, status, body: object, reached: true, retryMs: Number(object.retry_ms) || 0, sentAt };
}

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 8000;

/** Full jitter: anything from 0 to the bound, which doubles from 0.25 s to 8 s; not before the server asks for it. */
export function retryDelay(attempt, atLeastMs = 0, random = Math.random) {
  const bound = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
  return atLeastMs + random() * bound;
}

/** Wait that `wake()` ends early. */
export class Waiter {
  #wake = null;

  wait(ms) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.wake(), ms);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
    });
  }

  wake() {
    this.#wake?.();
  }
}

/** A random name for one page load: 22 characters that fit the protocol; `crypto.getRandomValues` needs no secure context. */
export function pageId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}
