/**
 * Sends the operations of one epoch in order: 250 ms after a change, one request in flight, until the server acknowledges.
 *
 * The server's `ack` is the only thing that makes an operation "saved". An unknown outcome (timeout, 5xx, cable out) is sent
 * again, the same operations with the same numbers; the server stores each at most once. Everything the sender cannot settle
 * by itself it reports as an event and stops: `reopen`, `fenced`, `over`, `early`, `signin`.
 */
import { post, retryDelay, Waiter } from "./api.js";
import { Superseded } from "./outbox.js";
import { changeOf } from "./reconcile.js";

const DELAY_MS = 250;
const MOST_OPS = 20;
const MOST_BYTES = 15_000;
const DISK_PATIENCE_MS = 1000;
const MOST_GAPS = 3;

export class Sender extends EventTarget {
  #outbox;
  #words;
  #epoch = 0;
  #acked = 0;
  #last = 0;
  #queue = [];
  #disk = new Map();
  #running = false;
  #stopped = true;
  #attempt = 0;
  #gaps = 0;
  #idle = null;
  #waiter = new Waiter();

  /**
   * @param {import("./outbox.js").Outbox} outbox
   * @param {(record: object) => string} words text of a report (the outbox keeps a code, not the text)
   */
  constructor(outbox, words) {
    super();
    this.#outbox = outbox;
    this.#words = words;
  }

  /** Operations the server has not acknowledged. */
  get unsaved() {
    return this.#queue.length;
  }

  get epoch() {
    return this.#epoch;
  }

  /** The highest operation the server has acknowledged. */
  get acked() {
    return this.#acked;
  }

  /** Start in a new epoch with the operations it begins with (numbered, kept in the outbox already). `oneByOne`: after 422. */
  adopt(epoch, records, { oneByOne = false } = {}) {
    this.#epoch = epoch;
    this.#acked = 0;
    this.#gaps = 0;
    this.#queue = [...records];
    this.#last = records.length;
    this.#disk.clear();
    this.oneByOne = oneByOne;
    this.#stopped = false;
    this.#changed();
    this.flush();
  }

  /** A change by the candidate: `{ item, value }`, `{ item, flag }`, `{ item, report }` or `{ submit: true }`. */
  push(change) {
    const made = performance.timeOrigin + performance.now();
    const record = { ...change, made, epoch: this.#epoch, op: ++this.#last };
    this.#queue.push(record);
    const kept = this.#outbox.put(record).catch((error) => this.#notKept(error));
    this.#disk.set(record.op, kept);
    this.#changed();
    if (change.submit) this.flush();
    else this.#start(DELAY_MS);
  }

  /** Send what there is now, without waiting for the next try. */
  flush() {
    this.#attempt = 0;
    this.#waiter.wake();
    this.#start(0);
  }

  /** No more requests from this sender; what is unsent stays in the outbox. */
  stop() {
    this.#stopped = true;
    this.#waiter.wake();
  }

  /** Resolves when no request is in flight any more (after `stop`). */
  idle() {
    return this.#running ? new Promise((resolve) => (this.#idle = resolve)) : Promise.resolve();
  }

  /** The server has said elsewhere (pulse) how far it got in `epoch`. */
  acknowledge(epoch, ack) {
    if (epoch !== this.#epoch || ack <= this.#acked) return;
    if (ack > this.#last) {
      this.#halt("reopen", { why: "ahead" });
      return;
    }
    this.#acked = ack;
    this.#queue = this.#queue.filter((record) => record.op > ack);
    for (const op of [...this.#disk.keys()]) if (op <= ack) this.#disk.delete(op);
    this.#outbox.acknowledge(epoch, ack).catch((error) => this.#notKept(error));
    this.#changed();
  }

  async #start(delay) {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    if (delay) await this.#waiter.wait(delay);
    while (!this.#stopped && this.#queue.length) {
      const batch = this.#batch();
      await Promise.race([this.#onDisk(batch), new Promise((resolve) => setTimeout(resolve, DISK_PATIENCE_MS))]);
      if (this.#stopped) break;
      const epoch = this.#epoch;
      const reply = await post("ops", { epoch, ops: batch.map((record) => this.wire(record)) });
      if (this.#stopped) this.#settledLate(reply, batch);
      else if (epoch === this.#epoch) await this.#settle(reply, batch);
    }
    this.#running = false;
    this.#idle?.();
    if (!this.#stopped && this.#queue.length) this.#start(0);
  }

  #batch() {
    const batch = [];
    let bytes = 0;
    for (const record of this.#queue.slice(0, this.oneByOne ? 1 : MOST_OPS)) {
      bytes += new TextEncoder().encode(JSON.stringify(this.wire(record))).length + 1;
      if (batch.length && bytes > MOST_BYTES) break;
      batch.push(record);
      if (record.submit) break;
    }
    return batch;
  }

  /** A record as it travels. */
  wire(record) {
    const { made, ...change } = changeOf(record);
    if (change.report !== undefined) change.report = this.#words(record);
    const age = Math.round(performance.timeOrigin + performance.now() - made);
    return { op: record.op, ...change, dt_ms: Math.min(Math.max(age, 0), 86_400_000) };
  }

  #onDisk(batch) {
    return Promise.all(batch.map((record) => this.#disk.get(record.op)));
  }

  async #settle(reply, batch) {
    this.#tell("link", { reached: reply.reached, known: reply.known });
    if (!reply.known) {
      await this.#waiter.wait(retryDelay(this.#attempt++, reply.retryMs));
      return;
    }
    const { status, body } = reply;
    if (body.state) this.#tell("status", { status: body, sentAt: reply.sentAt });
    if (this.#stopped) {
      this.#settledLate(reply, batch); // the status was the end
      return;
    }
    // after a fork the server's `ack` counts operations that are not ours: nothing of it may be shown as saved
    const ours = body.epoch === this.#epoch && body.error !== "fork";
    if (ours && body.ack !== undefined) this.acknowledge(body.epoch, body.ack);
    if (status === 200) await this.#stored(body, batch);
    else if (status === 409) await this.#refused(body, batch);
    else if (status === 401) this.#halt("signin");
    else if (status === 410) this.#halt("over", { status: body, apart: batch.filter((record) => record.op > this.#acked) });
    else this.#halt("reopen", { why: "malformed", refused: batch.length === 1 ? changeOf(batch[0]) : null });
  }

  /** The sitting ended while this was under way: stored or kept apart, the server has it. */
  #settledLate(reply, batch) {
    const has = reply.known && (reply.status === 200 || reply.status === 410);
    if (has) this.#outbox.forget(batch).catch((error) => this.#notKept(error));
  }

  async #stored(body, batch) {
    if (body.ack >= batch[0].op) this.#attempt = 0;
    else if (body.state !== "ended") await this.#waiter.wait(retryDelay(this.#attempt++));
  }

  async #refused(body, batch) {
    if (body.error === "fenced") this.#halt("fenced");
    else if (body.error === "too_early") this.#early(body);
    else if (body.error === "gap") await this.#gap(body);
    else this.#halt("reopen", { why: body.error, refused: null, batch });
  }

  /** Hand-in not allowed yet: the operations before it are stored, its number is free again. */
  #early(body) {
    const submit = this.#queue.filter((record) => record.submit);
    const rest = this.#queue.filter((record) => !record.submit);
    this.#outbox.forget(submit).catch((error) => this.#notKept(error));
    this.#queue = rest;
    this.#changed();
    this.#tell("early", { waitMs: body.wait_ms });
    if (submit.some((record) => record.op === this.#last)) this.#last -= 1;
    else this.#halt("reopen", { why: "renumber" });
  }

  /** The server is behind (a backup was put back) or a request overtook another: send from `ack + 1` if we still have it. */
  async #gap(body) {
    this.#gaps += 1;
    const next = this.#queue[0];
    if (next && next.op === body.ack + 1 && this.#gaps <= MOST_GAPS) {
      await this.#waiter.wait(retryDelay(this.#attempt++));
    } else {
      this.#halt("reopen", { why: "gap" });
    }
  }

  #notKept(error) {
    if (error instanceof Superseded) this.#halt("superseded");
    else console.warn("an operation is not on this disk yet; it is still being sent", error?.name);
  }

  #halt(type, detail = {}) {
    if (this.#stopped) return;
    this.stop();
    this.#tell(type, detail);
  }

  #changed() {
    this.#tell("unsaved", { count: this.#queue.length });
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
