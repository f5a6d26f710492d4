/**
 * What the candidate has answered and marked, as this page knows it. Says nothing about what is saved: see sender.js.
 */

export class Answers extends EventTarget {
  #values = new Map();
  #flags = new Set();

  /** Option ids (in order where the order says something) or texts; an empty list is "not answered". */
  value(slot) {
    return this.#values.get(slot) ?? [];
  }

  flagged(slot) {
    return this.#flags.has(slot);
  }

  answered(slot) {
    return this.value(slot).length > 0;
  }

  /** Whether a blank or a line is still open in an answer that has some. */
  partly(slot) {
    return this.value(slot).some((one) => one === 0 || (typeof one === "string" && !one.trim()));
  }

  /** Set the answer; tells listeners and returns true when it differs. */
  setValue(slot, value) {
    if (sameValue(value, this.value(slot))) return false;
    this.#values.set(slot, [...value]);
    this.dispatchEvent(new CustomEvent("change", { detail: { slot } }));
    return true;
  }

  setFlag(slot, on) {
    if (on === this.flagged(slot)) return false;
    if (on) this.#flags.add(slot);
    else this.#flags.delete(slot);
    this.dispatchEvent(new CustomEvent("change", { detail: { slot } }));
    return true;
  }

  /** `{ answered, unanswered, flagged }` over these questions. */
  counts(questions) {
    const answered = questions.filter(({ slot }) => this.answered(slot)).length;
    const flagged = questions.filter(({ slot }) => this.flagged(slot)).length;
    return { answered, unanswered: questions.length - answered, flagged };
  }

  /** First showing: what the server holds, then what this computer had not delivered. */
  fill(server, undelivered) {
    for (const [slot, value] of server.values) this.setValue(slot, value);
    for (const slot of server.flags) this.setFlag(slot, true);
    for (const record of undelivered) {
      if (record.value !== undefined) this.setValue(record.item, record.value);
      if (record.flag !== undefined) this.setFlag(record.item, record.flag);
    }
  }

  /** Everything touched: `{ values: Map(slot -> value), flags: Set(slot) }` (copies). */
  snapshot() {
    return { values: new Map(this.#values), flags: new Set(this.#flags) };
  }
}

export function sameValue(a, b) {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}
