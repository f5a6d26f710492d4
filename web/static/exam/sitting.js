/**
 * One sitting as this page lives it: opening, answering, news from the server, the end. No DOM.
 *
 * Phases: `waiting` -> `open` (with `paused` and `locked` as flags) -> `ended`; `stopped` when this page may not go on.
 * Listeners get a `change` event for anything the screen shows, `news` for what should be said once.
 */
import { Answers } from "./answers.js";
import { Clock } from "./clock.js";
import { Door } from "./door.js";
import { Drafts } from "./drafts.js";
import { handOver } from "./handover.js";
import { Outbox } from "./outbox.js";
import { PaperPackage } from "./package.js";
import { Paper } from "./paper.js";
import * as place from "./place.js";
import { Pulse } from "./pulse.js";
import { changesSince, forNewEpoch, heldBy, sameChange } from "./reconcile.js";
import { recoveryFile, stateOf } from "./recovery.js";
import { Sender } from "./sender.js";

const BELL_JITTER_MS = 2000;
const ASK_AGAIN_MS = 5000;
const BELL_AGAIN_MS = 1000;
const RECALL_MS = 2000;
const PURGE_STOPS = new Set(["fenced", "too_late", "absent", "exam_closed"]);
const CREDIT_NEWS_MS = 15_000;

export class Sitting extends EventTarget {
  #words;
  #outbox = null;
  #sender = null;
  #pulse = null;
  #lastN = -1;
  #version = 0;
  #outageMs = null;
  #refused = [];
  #reopenings = 0;
  #apart = 0;
  #shown = new Set();
  #recovery = null;
  #queued = 0;
  #drafts = new Drafts((slot) => this.#sender.push({ item: slot, value: this.answers.value(slot) }));

  phase = "waiting";
  /** Why the page waits: `not_yet`, `identity`, `other_device`, `paper`, `plain`, `unreachable`. */
  waitingFor = "not_yet";
  /** Why the page stopped: `fenced`, `other_window`, `signin`, `too_late`, `absent`, `exam_closed`. */
  stoppedBy = null;
  paused = false;
  /** Time is up by the server's word: answering is over, the end is being written down. */
  locked = false;
  /** The candidate has handed in; the server has not confirmed it yet. */
  handingIn = false;
  /** The server keeps operations that it can only judge when it knows the time again; with them perhaps the hand-in. */
  held = false;
  online = true;
  unsaved = 0;
  end = null;
  receipt = null;
  leftovers = 0;
  handInFromMs = null;
  reported = new Set();
  paper = null;
  /** The paper as ciphertext, on its way to this computer or here. */
  sealed = new PaperPackage();
  #door = new Door(this.sealed, this, (reply) => (reply.status === 200 ? this.#opened(reply) : this.#notOpened(reply)));

  /**
   * @param {object} me what the server says about the candidate (protocol: `me`)
   * @param {(record: object) => string} words text of a report
   */
  constructor(me, words) {
    super();
    this.me = me;
    this.key = String(me.key ?? me.admission_no);
    this.#words = words;
    this.answers = new Answers();
    this.clock = new Clock();
    this.bell = new Clock();
  }

  /** Whether what is unsent outlives a restart of this computer. */
  get keeps() {
    return this.#outbox?.durable ?? true;
  }

  async start() {
    this.#outbox = await Outbox.open(this.key);
    this.#sender = new Sender(this.#outbox, this.#words);
    this.#listen();
    this.#pulse = new Pulse(() => ({ epoch: this.#sender.epoch, version: this.#version }));
    this.#pulse.addEventListener("reply", ({ detail }) => this.#heard(detail));
    this.#ring(this.me);
    this.clock.addEventListener("zero", () => {
      this.settle();
      this.ask();
    });
    this.bell.addEventListener("zero", () => this.#atBell());
    this.sealed.addEventListener("change", () => this.#changed());
    // before anything can ask to open; a browser that does not find its own storage is not waited for
    await Promise.race([this.sealed.recall(this.me.package), new Promise((resolve) => setTimeout(resolve, RECALL_MS))]);
    this.#pulse.start();
    if (this.#rung(this.me)) await this.open();
    else this.sealed.want(this.me.package);
  }

  /** Ask the server how things are, now: at zero, and when the page becomes visible. */
  ask() {
    if (this.phase === "waiting" || this.phase === "open") this.#pulse.poke();
  }

  /** Set an answer (option ids or texts, [] clears). */
  answer(slot, value) {
    if (!this.#mayWrite()) return;
    this.#drafts.drop(slot);
    if (this.answers.setValue(slot, value)) this.#sender.push({ item: slot, value: this.answers.value(slot) });
    this.#count();
  }

  /** An answer being typed: shown at once, an operation at the next pause or `settle`. */
  type(slot, value) {
    const before = this.answers.value(slot);
    if (!this.#mayWrite() || !this.answers.setValue(slot, value)) return;
    this.#drafts.touch(slot, before, this.answers.value(slot));
    this.#count();
  }

  /** What is being typed becomes an operation now. */
  settle() {
    if (this.phase !== "open") return;
    this.#drafts.settle();
    this.#count();
  }

  flag(slot, on) {
    if (this.#mayWrite() && this.answers.setFlag(slot, on)) this.#sender.push({ item: slot, flag: on });
  }

  /** `report` is a code of the reasons offered; the text belongs to `words`. */
  report(slot, report) {
    if (!this.#mayWrite()) return;
    this.reported.add(slot);
    this.#sender.push({ item: slot, report });
    this.#changed();
  }

  /** Milliseconds until hand-in is allowed; 0 when it is. */
  handInWait() {
    const now = this.clock.serverNow();
    return this.handInFromMs === null || now === null ? 0 : Math.max(0, this.handInFromMs - now);
  }

  handIn() {
    if (!this.#mayWrite()) return;
    this.settle();
    this.handingIn = true;
    this.#sender.push({ submit: true });
    this.#changed();
  }

  /** Whether the server gave this page what a recovery file needs. */
  get canRecover() {
    return this.#recovery !== null;
  }

  /** What is unsent, as a file only the server can read: `{ blob, count, serverMs }`. */
  async recover() {
    this.settle();
    const serverMs = Math.round(this.clock.serverNow());
    const ops = this.#outbox.records().map((record) => this.#sender.wire(record));
    const held = { page: this.#door.page, ack: this.#sender.acked, made_ms: serverMs, state: stateOf(this), ops };
    const blob = await recoveryFile(this.#recovery, held);
    return { blob, count: ops.length, serverMs };
  }

  /** This page steps aside (`other_window`: another page of this computer goes on). */
  stop(why) {
    if (this.phase === "ended" || this.phase === "stopped") return;
    if (why === "other_window") this.#drafts.clear(); // leaving this window settled them; the outbox is the other one's now
    this.settle();
    this.phase = "stopped";
    this.stoppedBy = why;
    this.#sender?.stop();
    this.#pulse?.stop();
    this.sealed.stop();
    if (PURGE_STOPS.has(why)) this.sealed.purge();
    this.clock.stop();
    this.bell.stop();
    this.#door.leave();
    this.#changed();
  }

  /** Open, or open again, until the server gives a clear answer. */
  open() {
    return this.#door.open();
  }

  async #opened({ body, sentAt }) {
    this.sealed.stop();
    if (body.state === "ended") {
      await this.#endedBefore(body);
      return;
    }
    const again = this.paper !== null;
    const server = heldBy(body);
    const local = again ? this.answers.snapshot() : null;
    this.paper ??= new Paper(body.paper, body.order);
    const { send, keep } = await this.#outbox.begin(body.epoch, this.#door.page, (unsent) =>
      forNewEpoch({
        unsent,
        server,
        local,
        deviceEpoch: body.device_epoch ?? 0,
        refused: (change) => this.#refused.some((one) => sameChange(one, change)),
      }),
    );
    if (!again) this.answers.fill(server, send);
    this.handInFromMs = body.hand_in_from_ms ?? null;
    this.#recovery = body.recovery ?? null;
    this.reported = new Set([...server.reports, ...this.reported]);
    this.phase = "open";
    this.handingIn = send.some((record) => record.submit);
    this.#lastN = -1;
    this.#apply(body, sentAt);
    this.#adopt(body.epoch, send, local);
    this.#pulse.poke();
    if (keep.length) handOver(keep, this.#sender, this.#outbox);
    this.#changed();
  }

  /** `local` is what `send` was computed from; what the candidate changed in the moment since is sent now. */
  #adopt(epoch, send, local) {
    this.#sender.adopt(epoch, send, { oneByOne: this.#refused.length > 0 });
    const astray = this.#outbox.records().filter((record) => record.epoch !== epoch);
    if (astray.length) this.#outbox.forget(astray).catch((error) => console.warn("outbox", error?.name));
    if (!local) return;
    this.#drafts.clear(); // what is being typed is in `local`, or has changed since
    for (const change of changesSince(local, this.answers.snapshot())) this.#sender.push(change);
  }

  #notOpened({ status, body, sentAt }) {
    if (body.state) this.#apply(body, sentAt);
    if (status === 401) this.stop("signin");
    else if (status === 410) this.stop(body.error);
    else if (body.error === "other_device" && this.paper) this.stop("fenced");
    else if (["not_yet", "identity", "other_device"].includes(body.error)) {
      this.#waitFor(body.error);
      if (body.error === "not_yet") this.#ring(body, sentAt);
      if (body.error !== "not_yet") this.#door.later(ASK_AGAIN_MS);
      else if (body.starts_in_ms === 0) this.#door.later(BELL_AGAIN_MS);
    } else {
      this.#waitFor("unreachable");
      this.#door.later(ASK_AGAIN_MS);
    }
  }

  #waitFor(why) {
    if (this.phase !== "waiting") return;
    this.waitingFor = why;
    this.#changed();
  }

  #listen() {
    this.#door.addEventListener("link", ({ detail }) => this.#link(detail));
    this.#door.addEventListener("waits", ({ detail }) => this.#waitFor(detail));
    const on = (type, act) => this.#sender.addEventListener(type, ({ detail }) => act(detail));
    on("unsaved", ({ count }) => {
      this.#queued = count;
      this.#count();
    });
    on("link", (reply) => this.#link(reply));
    on("status", ({ status, sentAt }) => this.#apply(status, sentAt));
    on("fenced", () => this.stop("fenced"));
    on("superseded", () => this.stop("other_window"));
    on("signin", () => this.stop("signin"));
    on("over", ({ status, apart }) => this.#apartAndOver(status, apart));
    on("early", ({ waitMs }) => this.#early(waitMs));
    on("reopen", (detail) => this.#again(detail));
  }

  async #again({ why, refused }) {
    if (refused) {
      this.#refused.push(refused);
      this.#news("refused", { slot: refused.item });
    } else if (why === "malformed") {
      this.#refused.push({}); // nothing refused yet, but from now on one by one
    }
    this.#door.renew();
    if (this.#reopenings++) await this.#door.rest(this.#reopenings);
    await this.open();
  }

  #early(waitMs) {
    this.handingIn = false;
    const now = this.clock.serverNow();
    if (now !== null) this.handInFromMs = now + waitMs;
    this.#news("early", { waitMs });
    this.#changed();
  }

  #heard(reply) {
    this.#link(reply);
    if (!reply.known) return;
    if (this.phase === "ended") this.#heardAfterTheEnd(reply);
    else if (reply.status === 401) this.stop("signin");
    else if (reply.body.error === "fenced") {
      if (!this.#door.opening) this.stop("fenced");
    } else if (reply.status === 200) {
      this.#version = reply.body.version; // only here: news a poll has not brought yet must end the next one at once
      this.#sender.acknowledge(reply.body.epoch, reply.body.ack);
      this.#apply(reply.body, reply.sentAt);
      if (this.phase === "waiting") this.#heardWaiting(reply);
    }
  }

  /** The page goes on listening: a credit after the end opens the sitting again. */
  #heardAfterTheEnd({ status, body }) {
    this.#version = body.version ?? this.#version;
    if (["open", "paused"].includes(body.state)) this.dispatchEvent(new Event("reopened"));
    if (status === 401) this.#pulse.stop();
  }

  #heardWaiting({ body, sentAt }) {
    this.me = { ...this.me, ...pick(body, ["identity", "exam_state", "starts_in_ms"]) };
    this.#ring(body, sentAt);
    if (this.#rung(body) || body.state === "ended") this.open();
    else this.sealed.want(body.package);
    this.#changed();
  }

  #rung({ exam_state: examState, starts_in_ms: startsIn, sitting }) {
    return ["open", "paused", "ended"].includes(sitting?.state) || examState === "open" || startsIn === 0;
  }

  #ring({ starts_in_ms: remaining = null, server_ms: serverMs = this.me.sitting?.server_ms }, sentAt) {
    if (this.phase === "waiting") this.bell.sync({ remaining_ms: remaining, server_ms: serverMs }, sentAt);
  }

  #atBell() {
    this.#door.later(Math.random() * BELL_JITTER_MS);
  }

  #link({ reached, known }) {
    const before = this.online;
    this.online = reached;
    if (!before && reached && known) this.#sender.flush();
    if (before !== reached) this.#changed();
  }

  /** A status object of the server, from whichever reply. Older news than we have is not shown again. */
  #apply(status, sentAt) {
    if (status.state === undefined || this.phase === "ended" || this.phase === "stopped") return;
    if (this.phase === "open" && status.epoch > this.#sender.epoch && this.#sender.epoch > 0 && !this.#door.opening) {
      this.stop("fenced");
      return;
    }
    if (status.n < this.#lastN) return;
    this.#lastN = status.n;
    if (this.phase === "open") this.#applyOpen(status, sentAt);
    this.#changed();
  }

  #applyOpen(status, sentAt) {
    const paused = status.state === "paused";
    if (status.state !== "open" || status.remaining_ms === 0) this.settle();
    const before = this.clock.remaining();
    this.clock.sync({ ...pick(status, ["remaining_ms", "server_ms"]), running: !paused }, sentAt);
    const away = this.#outageMs !== null && status.outage_ms > this.#outageMs;
    this.#outageMs = status.outage_ms;
    if (away) this.#news("server_away", { ms: status.remaining_ms });
    else if (before !== null && status.remaining_ms - before > CREDIT_NEWS_MS) this.#news("credited", { ms: status.remaining_ms - before });
    this.paused = paused;
    this.held = status.held > 0;
    this.locked = status.state === "open" && status.remaining_ms === 0;
    if (this.locked) this.#sender.flush();
    if (status.message) this.#message(status.message);
    if (status.state === "ended") this.#over(status);
  }

  /** The server has kept `apart` for the invigilator: nothing more to send of these. */
  #apartAndOver(status, apart) {
    this.settle();
    this.#apart += apart.filter((record) => !record.submit).length;
    this.#outbox.forget(apart).catch((error) => console.warn("outbox", error?.name));
    this.#over(status);
  }

  #over(status) {
    if (this.phase !== "open") return;
    this.locked = true;
    if (status.state !== "ended") {
      this.#changed();
      this.#pulse.poke();
      return;
    }
    this.#sender.stop();
    this.#finish(status, this.#outbox.records());
  }

  /** The page was loaded after the end; what an earlier page left is handed over for the invigilator to judge. */
  async #endedBefore(status) {
    let leftovers = [];
    await this.#outbox.begin(status.epoch, this.#door.page, (unsent) => {
      leftovers = unsent;
      return { send: [], keep: unsent };
    });
    this.#finish(status, leftovers);
  }

  async #finish(status, leftovers) {
    this.phase = "ended";
    this.end = status.end;
    this.receipt = status.receipt ?? null;
    this.leftovers = this.#apart + leftovers.filter((record) => !record.submit).length;
    this.handingIn = false;
    this.clock.stop();
    this.bell.stop();
    this.paper?.release();
    this.paper = null;
    this.#changed();
    await this.sealed.purge();
    await this.#sender.idle();
    const left = new Set(this.#outbox.records().map(({ epoch, op }) => `${epoch} ${op}`));
    const still = leftovers.filter(({ epoch, op }) => epoch !== this.#sender.epoch || left.has(`${epoch} ${op}`));
    await handOver(still, this.#sender, this.#outbox);
    await this.#outbox.clear();
    place.forget(this.key);
    this.#outbox.close();
    this.dispatchEvent(new Event("cleared"));
  }

  #message(message) {
    if (this.#shown.has(message.n)) return;
    this.#shown.add(message.n);
    this.#news("message", message);
  }

  #mayWrite() {
    return this.phase === "open" && !this.paused && !this.locked && !this.handingIn;
  }

  /** Changes nobody has acknowledged, those being typed among them. */
  #count() {
    this.unsaved = this.#queued + this.#drafts.size;
    this.#changed();
  }

  #news(kind, detail) {
    this.dispatchEvent(new CustomEvent("news", { detail: { kind, ...detail } }));
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

function pick(source, names) {
  return Object.fromEntries(names.filter((name) => source[name] !== undefined).map((name) => [name, source[name]]));
}
