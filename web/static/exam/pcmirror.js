/**
 * The second memory of which PC this is, for a browser that was killed before it had written its cookie (see
 * server/sitting/pcs.py). One signed name in IndexedDB, written through to the disk.
 */

const DATABASE = "jikao-pc";
const STORE = "pc";
const KEY = "mirror";

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore(mode, act) {
  const db = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = db.transaction([STORE], mode, { durability: "strict" });
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    db.close();
  }
}

export function read() {
  return inStore("readonly", (store) => store.get(KEY));
}

export function keep(mirror) {
  return inStore("readwrite", (store) => store.put(mirror, KEY));
}

/**
 * @param {string} mirror what the server calls this PC now
 * @param {boolean} isNew the server did not know this browser
 * @returns {Promise<boolean>} true when the browser is its old PC again, and the page should be loaded anew
 */
export async function settle(mirror, isNew) {
  const before = isNew ? await read() : undefined;
  if (before) {
    const body = new URLSearchParams({ mirror: before });
    const response = await fetch("/exam/pc", { method: "POST", body, credentials: "same-origin", cache: "no-store" });
    if (response.ok) {
      await keep((await response.json()).mirror);
      return true;
    }
    if (response.status !== 403) return false; // not known: try again with the next load, and keep what we have
  }
  await keep(mirror);
  return false;
}
