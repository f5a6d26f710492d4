/**
 * What a new epoch has to send: pure, no I/O.
 *
 * A new epoch starts with every page load, and inside a page after `fork` or `gap`. Operations of earlier epochs that were
 * never acknowledged are reduced to what they end in, compared with what the server holds, and numbered anew.
 */
import { sameValue } from "./answers.js";

/**
 * @typedef {{ values: Map<number, (number | string)[]>, flags: Set<number> }} Held
 *
 * @param {object} input
 * @param {object[]} input.unsent outbox records, oldest first
 * @param {Held & { reports: Set<number> }} input.server what the server holds
 * @param {Held | null} input.local what this page shows; null on a page load
 * @param {number} input.deviceEpoch since this epoch the sitting has never left this computer; older records are stale:
 *   another machine may have answered since, so they are kept for the server to judge, not applied
 * @param {(change: object) => boolean} input.refused changes the server will not take in any form
 * @returns {{ send: object[], keep: object[] }} `send`: `{ made, item, value | flag | report } | { made, submit: true }`
 */
export function forNewEpoch({ unsent, server, local = null, deviceEpoch = 0, refused = () => false }) {
  const keep = unsent.filter((record) => record.epoch < deviceEpoch);
  const last = new Map();
  for (const record of unsent.filter((one) => one.epoch >= deviceEpoch)) {
    const change = changeOf(record);
    const subject = `${kindOf(change)} ${change.item ?? ""}`;
    last.delete(subject); // the newest wins and moves to the end
    last.set(subject, change);
  }
  if (local) addLocal(local, server, last);
  const changes = [...last.values()].filter((change) => !holds(server, change) && !refused(change));
  const send = [...changes.filter((change) => !change.submit), ...changes.filter((change) => change.submit)];
  return { send, keep };
}

/** Without the numbers of an earlier epoch. */
export function changeOf({ made, item, value, flag, report, submit }) {
  if (submit) return { made, submit: true };
  if (report !== undefined) return { made, item, report };
  return flag === undefined ? { made, item, value } : { made, item, flag };
}

function kindOf(change) {
  return ["submit", "report", "flag", "value"].find((kind) => change[kind] !== undefined);
}

function holds(server, change) {
  switch (kindOf(change)) {
    case "value":
      return sameValue(change.value, server.values.get(change.item) ?? []);
    case "flag":
      return change.flag === server.flags.has(change.item);
    case "report":
      return server.reports.has(change.item);
    default:
      return false;
  }
}

function addLocal(local, server, last) {
  const made = performance.timeOrigin + performance.now();
  for (const item of new Set([...local.values.keys(), ...server.values.keys()])) {
    last.set(`value ${item}`, { made, item, value: local.values.get(item) ?? [] });
  }
  for (const item of new Set([...local.flags, ...server.flags])) {
    last.set(`flag ${item}`, { made, item, flag: local.flags.has(item) });
  }
}

/** What turned `before` into `now`: both `{ values, flags }` of one page. */
export function changesSince(before, now) {
  const changes = [];
  for (const [item, value] of now.values) {
    if (!sameValue(value, before.values.get(item) ?? [])) changes.push({ item, value });
  }
  for (const item of new Set([...now.flags, ...before.flags])) {
    if (now.flags.has(item) !== before.flags.has(item)) changes.push({ item, flag: now.flags.has(item) });
  }
  return changes;
}

/** What the server says it holds (protocol: `answers`, `flags`, `reports` of an opening). */
export function heldBy({ answers, flags, reports }) {
  return {
    values: new Map(Object.entries(answers ?? {}).map(([slot, value]) => [Number(slot), value])),
    flags: new Set(flags ?? []),
    reports: new Set(reports ?? []),
  };
}

/** Whether two changes would store the same. */
export function sameChange(a, b) {
  if (a.item === undefined || a.item !== b.item) return false;
  if (a.value && b.value) return sameValue(a.value, b.value);
  return a.flag !== undefined ? a.flag === b.flag : a.report !== undefined && a.report === b.report;
}
