/**
 * The paper as this candidate sees it: questions in the server's order, options in the server's order, pictures as blobs.
 *
 * `slot` is the canonical number of a question and `id` that of an option; they travel in operations. `position` is where
 * something stands on this candidate's screen (from 0). Nothing is shuffled here: the arrays come from the server. Questions
 * that hang on one text follow one another; `set` says which they are: `{ n, from, to }`, `n` counting the texts of the paper.
 */

export class Paper {
  /**
   * @param {object} source the public package: `{ title, sections, items, media, digest }`
   * @param {[number, number[]][]} order slots as seen, each with its option ids as seen
   */
  constructor(source, order) {
    this.title = source.title;
    this.digest = source.digest;
    this.sections = source.sections ?? [];
    this.#media = source.media ?? {};
    const bySlot = new Map(source.items.map((item) => [item.slot, item]));
    this.questions = order.map(([slot, optionIds], position) => {
      const item = bySlot.get(slot);
      return { ...item, position, number: position + 1, options: arranged(item.options, optionIds) };
    });
    this.#positions = new Map(this.questions.map((question) => [question.slot, question.position]));
    this.#findSets();
  }

  #media;
  #positions;
  #urls = new Map();

  get size() {
    return this.questions.length;
  }

  positionOf(slot) {
    return this.#positions.get(slot);
  }

  /** Neighbouring questions of one kind, or of one set, in the order seen: `[{ section, kind, set, questions }]`. */
  groups() {
    const groups = [];
    for (const question of this.questions) {
      const { kind, set } = question;
      const last = groups[groups.length - 1];
      if (last && last.set === set && (set || last.kind === kind)) last.questions.push(question);
      else groups.push({ kind, set, section: this.#sectionOf(question), questions: [question] });
    }
    return groups;
  }

  /** Object URL of a picture, made on first use; null when the paper has no such picture. */
  mediaUrl = (digest) => {
    if (!Object.hasOwn(this.#media, digest)) return null;
    if (!this.#urls.has(digest)) this.#urls.set(digest, objectUrl(this.#media[digest]));
    return this.#urls.get(digest);
  };

  /** Let go of the pictures. */
  release() {
    for (const url of this.#urls.values()) URL.revokeObjectURL(url);
    this.#urls.clear();
  }

  #findSets() {
    let n = 0;
    for (const question of this.questions) {
      const before = this.questions[question.position - 1];
      if (!question.stimulus) question.set = null;
      else if (before?.stimulus === question.stimulus) question.set = before.set;
      else question.set = { n: (n += 1), from: question.number, to: question.number };
      if (question.set) question.set.to = question.number;
    }
  }

  #sectionOf(question) {
    return this.sections.find((section) => section.kind === question.kind) ?? null;
  }
}

function arranged(options, ids) {
  const byId = new Map(options.map((option) => [option.id, option]));
  return ids.map((id) => byId.get(id));
}

const PICTURE_TYPES = new Set(["image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"]);

function objectUrl({ type, data_base64: data }) {
  if (!PICTURE_TYPES.has(type)) return null;
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type }));
}
