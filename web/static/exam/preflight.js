/**
 * Measures of a PC before an exam: browser, storage that survives, clock, network, screen. Names nobody and judges nothing:
 * the server does (server/registry/pc_rules.py), so that page, list and report say the same.
 */
import { storageWorks } from "./outbox.js";

const MARK = "jikao.mark";
const DATABASE = "jikao-mark";
const ASK_TIMEOUT_MS = 8000;

/**
 * @param {number} samples tiny requests to the server
 * @param {(n: number) => void} progress
 * @returns {Promise<object>} the facts of `pc_rules.Facts`, and `server_ms_at_end`, which is for `leaveMark` and not sent
 */
export async function measure(samples, progress = () => {}) {
  const mark = await findMark();
  const { keeps, disk_ms: diskMs } = await storage();
  const asked = await askManyTimes(samples, progress);
  return {
    ...browser(),
    missing: missing(),
    secure: globalThis.isSecureContext === true,
    keeps,
    disk_ms: diskMs,
    quota_mb: await quota(),
    mark_since_ms: mark?.since ?? null,
    same_session: mark !== null && mark.session === session(),
    ...asked,
    width: Math.round(window.innerWidth),
    height: Math.round(window.innerHeight),
    zone: Intl.DateTimeFormat().resolvedOptions().timeZone || "unknown",
    zone_minutes: -new Date().getTimezoneOffset(),
  };
}

/** Send the facts; the judgement, or null when the server could not be reached or did not take them. */
export async function send({ server_ms_at_end: _, ...facts }) {
  try {
    const response = await fetch("/exam/check", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(facts),
      credentials: "same-origin",
      cache: "no-store",
    });
    return response.ok ? await response.json() : null;
  } catch (error) {
    console.warn("the check could not be sent", error?.name);
    return null;
  }
}

function browser() {
  const agent = navigator.userAgent;
  for (const [name, pattern] of [["Edge", /Edg\/(\d+)/], ["Firefox", /Firefox\/(\d+)/], ["Chrome", /Chrome\/(\d+)/], ["Safari", /Version\/(\d+).*Safari/]]) {
    const found = pattern.exec(agent);
    if (found) return { browser: name, version: Number(found[1]) };
  }
  return { browser: "Unknown", version: 0 };
}

/** What the exam page needs and this browser lacks, asked for one by one. */
function missing() {
  const there = {
    inert: "inert" in HTMLElement.prototype,
    dialog: "showModal" in (globalThis.HTMLDialogElement?.prototype ?? {}),
    own: "hasOwn" in Object,
    broadcast: "BroadcastChannel" in globalThis,
    indexeddb: "indexedDB" in globalThis,
    abort: "AbortController" in globalThis,
    crypto: Boolean(globalThis.crypto?.subtle),
  };
  return Object.keys(there).filter((name) => !there[name]);
}

async function storage() {
  const before = performance.now();
  if (await storageWorks()) return { keeps: "disk", disk_ms: performance.now() - before };
  try {
    localStorage.setItem(`${MARK}.try`, "1");
    localStorage.removeItem(`${MARK}.try`);
    return { keeps: "mirror", disk_ms: null };
  } catch (error) {
    console.warn("nothing can be stored", error?.name);
    return { keeps: "nothing", disk_ms: null };
  }
}

async function quota() {
  try {
    const estimate = await navigator.storage.estimate();
    return estimate.quota === undefined ? null : estimate.quota / 1e6;
  } catch {
    return null; // no secure context: the browser does not say
  }
}

/** Several tiny requests one after another. The clock is compared at the quickest: least time for anything to be off by. */
async function askManyTimes(samples, progress) {
  const times = [];
  let best = null;
  let failed = 0;
  let last = null;
  for (let n = 1; n <= samples; n += 1) {
    const asked = await ask();
    progress(n);
    if (!asked) {
      failed += 1;
      if (failed >= 3 && !times.length) break; // nobody there: no need to wait for all of them
      continue;
    }
    last = asked;
    if (n > 1 || samples === 1) times.push(asked.rtt); // the first one makes the connection
    if (!best || asked.rtt < best.rtt) best = asked;
  }
  times.sort((a, b) => a - b);
  const at = (share) => (times.length ? times[Math.min(times.length - 1, Math.floor(share * times.length))] : null);
  return {
    clock_ms: best ? best.pcMs - best.serverMs : null,
    rtt_p50_ms: at(0.5),
    rtt_p95_ms: at(0.95),
    samples: times.length,
    failed,
    server_ms_at_end: last?.serverMs ?? null,
  };
}

async function ask() {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), ASK_TIMEOUT_MS);
  const before = performance.now();
  try {
    const response = await fetch("/exam/check/now", { cache: "no-store", credentials: "same-origin", signal: controller.signal });
    const rtt = performance.now() - before;
    const pcMs = Date.now() - rtt / 2;
    return response.ok ? { rtt, pcMs, serverMs: (await response.json()).server_ms } : null;
  } catch {
    return null; // counted as failed
  } finally {
    clearTimeout(timer);
  }
}

/** One name for as long as this browser window lives: a mark with the same name says nothing about a restart. */
function session() {
  try {
    const known = sessionStorage.getItem(MARK) ?? String(Math.random()).slice(2);
    sessionStorage.setItem(MARK, known);
    return known;
  } catch {
    return "";
  }
}

/** The mark of an earlier check, `{ since, session }`, or null: from the database, which is what answers are kept in. */
async function findMark() {
  try {
    return (await inStore("readonly", (store) => store.get("mark"))) ?? null;
  } catch (error) {
    console.warn("no mark can be read", error?.name);
    return null;
  }
}

/** Leave a mark for the next check; an older one stays, with the window it was last seen in. */
export async function leaveMark(serverMs) {
  try {
    const before = await findMark();
    await inStore("readwrite", (store) => store.put({ since: before?.since ?? serverMs ?? 0, session: session() }, "mark"));
  } catch (error) {
    console.warn("no mark can be left", error?.name);
  }
}

async function inStore(mode, act) {
  const db = await new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("mark");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  try {
    return await new Promise((resolve, reject) => {
      const transaction = db.transaction(["mark"], mode, { durability: "strict" });
      const request = act(transaction.objectStore("mark"));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    db.close();
  }
}
