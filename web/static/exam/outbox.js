/**
 * What this computer has promised to send: operations the server has not acknowledged, kept through a kill and a reboot.
 *
 * IndexedDB with strict durability is the record, localStorage a mirror for what IndexedDB had not finished writing. Records
 * hold small ids and numbers and what was typed into blanks, never a question's text. Every sitting has its own outbox; nothing here touches the outbox of another
 * sitting, so the next candidate on a PC cannot clear what a predecessor left unsent.
 *
 * A record: `{ sitting, epoch, op, made, item, value | flag | report | submit }`, `made` in Unix ms of this computer. The
 * bookkeeping of a sitting, `{ sitting, page, epoch, last }`, names the page that owns the outbox: a page that another page
 * has followed may not write any more (`Superseded`), so an old tab cannot plant older answers. Mirror records that the
 * bookkeeping knows were stored (and perhaps acknowledged since) are not believed again.
 */

const DATABASE = "jikao-exam";
const MIRROR = "jikao.outbox.";

/** Another page of this computer has taken the sitting over. */
export class Superseded extends Error {}

export class Outbox {
  #db;
  #sitting;
  #owner = null;
  #records = [];
  #meta = null;

  constructor(db, sitting) {
    this.#db = db;
    this.#sitting = sitting;
  }

  /** Never fails: without IndexedDB the mirror alone is left (`durable` is false then). */
  static async open(sitting) {
    return new Outbox(await openDatabase().catch(() => null), sitting);
  }

  get durable() {
    return this.#db !== null;
  }

  /** Records of the page's own epoch that are not acknowledged, oldest first (a copy). */
  records() {
    return [...this.#records];
  }

  /**
   * Begin a new epoch and own the outbox, in one transaction: read all that is unsent, keep what `renumber` returns.
   * @param {number} epoch
   * @param {string} page id of this page load
   * @param {(unsent: object[]) => { send: object[], keep: object[] }} renumber pure; `send` gets the epoch and numbers from
   *   1, `keep` stays as it is (operations of a machine that had been replaced, still to be handed to the server)
   * @returns {Promise<{ send: object[], keep: object[] }>}
   */
  async begin(epoch, page, renumber) {
    const mirror = readMirror(this.#sitting);
    let result;
    const decide = (stored, meta) => {
      const unsent = merged(stored, meta, mirror);
      const { send, keep } = renumber(unsent);
      result = { keep, send: send.map((change, index) => ({ ...change, sitting: this.#sitting, epoch, op: index + 1 })) };
      this.#owner = page;
      this.#meta = { sitting: this.#sitting, page, epoch, last: result.send.length };
      this.#records = [...result.send];
      return { gone: stored, kept: [...keep, ...result.send], meta: this.#meta };
    };
    try {
      if (this.#db) await this.#rewrite(decide);
    } catch (error) {
      console.warn("IndexedDB refuses to write, the mirror alone is left", error?.name);
      this.close();
    }
    if (!result) decide([], null);
    this.#mirror();
    return result;
  }

  /** Keep a new operation. Resolves when it is on the disk; rejects when the disk refuses, or with `Superseded`. */
  put(record) {
    const whole = { ...record, sitting: this.#sitting };
    this.#records.push(whole);
    this.#meta = { ...this.#meta, last: record.op };
    this.#mirror();
    const meta = this.#meta;
    return this.#write((ops, metas) => {
      ops.put(whole);
      metas.put(meta);
    });
  }

  /** The server acknowledged all of `epoch` up to `op`. */
  async acknowledge(epoch, op) {
    const gone = this.#records.filter((record) => record.epoch === epoch && record.op <= op);
    if (gone.length) await this.forget(gone);
  }

  /** These records need not be sent any more. */
  forget(gone) {
    const keys = new Set(gone.map((record) => `${record.epoch} ${record.op}`));
    this.#records = this.#records.filter((record) => !keys.has(`${record.epoch} ${record.op}`));
    this.#mirror();
    return this.#write((ops) => {
      for (const record of gone) ops.delete([this.#sitting, record.epoch, record.op]);
    });
  }

  /** The receipt is there: leave nothing of this sitting on the computer. */
  async clear() {
    this.#records = [];
    removeMirror(this.#sitting);
    if (!this.#db) return;
    await inTransaction(this.#db, (ops, metas) => {
      ops.delete(everything(this.#sitting));
      metas.delete(this.#sitting);
    });
  }

  close() {
    this.#db?.close();
    this.#db = null;
  }

  #rewrite(decide) {
    return inTransaction(this.#db, (ops, metas) => {
      const stored = ops.getAll(everything(this.#sitting));
      const known = metas.get(this.#sitting);
      known.onsuccess = () => {
        const { gone, kept, meta } = decide(stored.result, known.result ?? null);
        for (const record of gone) ops.delete([this.#sitting, record.epoch, record.op]);
        for (const record of kept) ops.put(record);
        metas.put(meta);
      };
    });
  }

  /** Write as the owner; refused when another page owns the outbox by now. */
  #write(change) {
    if (!this.#db) return Promise.resolve();
    let superseded = false;
    const done = inTransaction(this.#db, (ops, metas, transaction) => {
      const known = metas.get(this.#sitting);
      known.onsuccess = () => {
        superseded = Boolean(known.result) && known.result.page !== this.#owner;
        if (superseded) transaction.abort();
        else change(ops, metas);
      };
    });
    return done.catch((error) => {
      throw superseded ? new Superseded("another page owns the outbox") : error;
    });
  }

  #mirror() {
    try {
      localStorage.setItem(MIRROR + this.#sitting, JSON.stringify({ meta: this.#meta, records: this.#records }));
    } catch (error) {
      console.warn("the mirror of the outbox could not be written", error.name);
    }
  }
}

/** Stored records and what the mirror has beyond them, oldest first. */
function merged(stored, meta, mirror) {
  const known = meta ?? { epoch: 0, last: 0 };
  const beyond = mirror.records.filter(({ epoch, op }) => epoch > known.epoch || (epoch === known.epoch && op > known.last));
  const trusted = !meta || mirror.meta?.page === meta.page || mirror.meta?.epoch > meta.epoch;
  return [...stored, ...(trusted ? beyond : [])].sort((a, b) => a.epoch - b.epoch || a.op - b.op);
}

function everything(sitting) {
  return IDBKeyRange.bound([sitting], [sitting, []]);
}

function inTransaction(db, change) {
  return new Promise((resolve, reject) => {
    const transaction = db.transaction(["ops", "meta"], "readwrite", { durability: "strict" });
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error("aborted"));
    change(transaction.objectStore("ops"), transaction.objectStore("meta"), transaction);
  });
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("ops", { keyPath: ["sitting", "epoch", "op"] });
      request.result.createObjectStore("meta", { keyPath: "sitting" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

function readMirror(sitting) {
  const nothing = { meta: null, records: [] };
  try {
    const mirror = JSON.parse(localStorage.getItem(MIRROR + sitting) ?? "null");
    return Array.isArray(mirror?.records) ? mirror : nothing;
  } catch (error) {
    console.warn("the mirror of the outbox could not be read", error.name);
    return nothing;
  }
}

function removeMirror(sitting) {
  try {
    localStorage.removeItem(MIRROR + sitting);
  } catch (error) {
    console.warn("the mirror of the outbox could not be removed", error.name);
  }
}

/** For the check before the exam: does this browser write to the disk and read it back? */
export async function storageWorks() {
  const outbox = await Outbox.open("check");
  try {
    if (!outbox.durable) return false;
    await outbox.begin(1, "check", () => ({ send: [], keep: [] }));
    await outbox.put({ epoch: 1, op: 1, made: 0, item: 0, value: [] });
    let found = 0;
    await outbox.begin(2, "check", (unsent) => {
      found = unsent.length;
      return { send: [], keep: [] };
    });
    await outbox.clear();
    return found === 1;
  } catch (error) {
    console.warn("storage check failed", error?.name);
    return false;
  } finally {
    outbox.close();
  }
}
