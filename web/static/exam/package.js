/**
 * The sealed paper on this computer: fetched in the waiting room as ciphertext, opened by the key that comes with the bell.
 *
 * The ciphertext lives in Cache Storage, which only a secure context has; key and decrypted text live in memory alone. Whatever
 * goes wrong, `held` is null and the paper comes with the opening instead. One package at a time: a predecessor's is removed.
 */
import { retryDelay, Waiter } from "./api.js";

const CACHE = "jikao-paper";
const BASE = "/exam/api/package/";
const MAGIC = new TextEncoder().encode("JKP1");
const NONCE_BYTES = 12;
const GZIP = 1;
const STALL_MS = 20_000;
const TELL_EVERY_MS = 100;

/** Whether this browser can keep and open a package here: only over a secure connection. */
export function packagesWork() {
  return Boolean(window.isSecureContext && window.caches && crypto.subtle && window.DecompressionStream);
}

export class PaperPackage extends EventTarget {
  /** `none` (nothing offered yet), `off` (not here: the paper comes at the start), `fetching`, `held`. */
  state = packagesWork() ? "none" : "off";
  /** How much of it is here, 0 to 1. */
  done = 0;

  #digest = null;
  #bytes = null;
  #abort = null;
  #waiter = new Waiter();

  /** Digest of the package that can be opened here; null when there is none. */
  get held() {
    return this.state === "held" ? this.#digest : null;
  }

  /** Take what an earlier page load left on this computer; asks no server. Removes every other package. */
  async recall(offer) {
    if (this.state === "off" || !offer || this.held === offer.digest) return;
    try {
      const cache = await caches.open(CACHE);
      for (const request of await cache.keys()) {
        if (!request.url.endsWith(BASE + offer.digest)) await cache.delete(request);
      }
      const found = await cache.match(BASE + offer.digest);
      const bytes = found && new Uint8Array(await found.arrayBuffer());
      if (bytes && (await digestOf(bytes)) === offer.digest) this.#hold(offer.digest, bytes);
    } catch (error) {
      console.warn("the paper kept here could not be read", error?.name);
    }
  }

  /** See to it that the package is here; tries until it is, is not wanted any more, or the server does not have it. */
  async want(offer) {
    if (this.state === "off" || !offer || offer.digest === this.#digest) return;
    this.stop();
    this.#digest = offer.digest;
    await this.recall(offer);
    for (let attempt = 0; this.#digest === offer.digest && this.state !== "held"; attempt += 1) {
      if ((await this.#fetch(offer)) === "gone") break;
      if (this.#digest === offer.digest && this.state !== "held") await this.#waiter.wait(retryDelay(attempt, 500));
    }
  }

  /** The bell has rung: what is not here yet is not waited for. */
  stop() {
    this.#abort?.abort();
    this.#waiter.wake();
    if (this.state === "held" || this.state === "off") return;
    this.#digest = null;
    if (this.state === "fetching") this.#change("none");
  }

  /**
   * Open the package. Rejects when key, package or paper do not fit together.
   * @param {string} key base64, as `open` answers it
   * @param {string} paperDigest the paper this must be
   * @returns {Promise<object>} the public package
   */
  async unlock(key, paperDigest) {
    const inside = await decrypted(this.#bytes, key);
    const text = inside[0] === GZIP ? await unzipped(inside.subarray(1)) : new TextDecoder().decode(inside.subarray(1));
    const paper = JSON.parse(text);
    if (paper.digest !== paperDigest || !Array.isArray(paper.items)) throw new Error("another paper");
    return paper;
  }

  /** Leave nothing of it on this computer. */
  async purge() {
    this.stop();
    this.#bytes = null;
    this.#digest = null;
    if (this.state === "off") return;
    this.#change("none");
    await purgePackages();
  }

  async #fetch({ digest, size }) {
    this.#change("fetching", 0);
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    const stall = new Stall(this.#abort);
    try {
      const response = await fetch(BASE + digest, { signal, credentials: "same-origin", cache: "no-store", redirect: "error" });
      if (response.status >= 400 && response.status < 500 && response.status !== 429) {
        this.#change("none");
        return "gone";
      }
      if (!response.ok) return "later";
      const bytes = await this.#read(response.body, size, stall);
      if ((await digestOf(bytes)) !== digest || signal.aborted) return "later";
      this.#hold(digest, bytes);
      await keep(digest, bytes);
      if (this.#digest !== digest) await purgePackages(); // it went while it was being written
      return "held";
    } catch (error) {
      if (!signal.aborted) console.warn("the paper could not be fetched", error?.name);
      return "later";
    } finally {
      stall.end();
    }
  }

  async #read(body, size, stall) {
    const parts = [];
    let length = 0;
    let told = 0;
    const reader = body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      stall.moved();
      parts.push(part.value);
      length += part.value.length;
      if (length > size) throw new Error("too long");
      if (performance.now() - told < TELL_EVERY_MS) continue;
      told = performance.now();
      this.#change("fetching", length / size);
    }
    return joined(parts, length);
  }

  #hold(digest, bytes) {
    this.#digest = digest;
    this.#bytes = bytes;
    this.#change("held", 1);
  }

  #change(state, done = 0) {
    this.state = state;
    this.done = done;
    this.dispatchEvent(new Event("change"));
  }
}

/** Remove every package of this computer. */
export async function purgePackages() {
  try {
    await window.caches?.delete(CACHE);
  } catch (error) {
    console.warn("the paper kept here could not be removed", error?.name);
  }
}

/** Gives a download up that stands still. */
class Stall {
  #abort;
  #timer;

  constructor(abort) {
    this.#abort = abort;
    this.moved();
  }

  moved() {
    this.end();
    this.#timer = setTimeout(() => this.#abort.abort(), STALL_MS);
  }

  end() {
    clearTimeout(this.#timer);
  }
}

/** For the next page load; a full or forbidden disk only means that it is fetched again. */
async function keep(digest, bytes) {
  try {
    const cache = await caches.open(CACHE);
    await cache.put(BASE + digest, new Response(bytes, { headers: { "Content-Type": "application/octet-stream" } }));
  } catch (error) {
    console.warn("the paper could not be kept", error?.name);
  }
}

async function decrypted(bytes, key) {
  if (!MAGIC.every((byte, index) => bytes[index] === byte)) throw new Error("not a package");
  const raw = Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
  const secret = await crypto.subtle.importKey("raw", raw, "AES-GCM", false, ["decrypt"]);
  raw.fill(0);
  const start = MAGIC.length + NONCE_BYTES;
  const how = { name: "AES-GCM", iv: bytes.subarray(MAGIC.length, start), additionalData: MAGIC };
  return new Uint8Array(await crypto.subtle.decrypt(how, secret, bytes.subarray(start)));
}

/** Through a stream, never a Blob: a browser may put those on the disk. */
async function unzipped(bytes) {
  const stream = new DecompressionStream("gzip");
  const writer = stream.writable.getWriter();
  const written = writer.write(bytes).then(() => writer.close());
  const [text] = await Promise.all([new Response(stream.readable).text(), written]);
  return text;
}

async function digestOf(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function joined(parts, length) {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
