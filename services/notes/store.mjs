/** A request the store cannot fulfil; its message is meant for the caller. */
export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const NOTE_FIELDS = { title: 200, text: 100_000 };
const TAG_LIMIT = 50;
const ATTACHMENT_NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$/;

/** Notes and attachments in memory, with a limit on both. */
export class NoteStore {
  #notes = new Map();
  #attachments = new Map();
  #nextId = 1;
  #bytes = 0;

  constructor({ maxCount, maxBytes }) {
    this.maxCount = maxCount;
    this.maxBytes = maxBytes;
  }

  /** Notes that contain every word of `q` and carry the tag, last changed first. */
  find({ q = '', tag, limit, offset }) {
    const words = q.toLowerCase().split(/\s+/).filter(Boolean);
    const found = [...this.#notes.values()]
      .filter((note) => tag === undefined || note.tags.includes(tag))
      .filter((note) => words.every((word) => searchable(note).includes(word)))
      .reverse();
    return { notes: found.slice(offset, offset + limit), total: found.length };
  }

  add(fields) {
    if (fields.title === undefined) throw new Refusal(400, 'title is required.');
    if (this.#notes.size >= this.maxCount)
      throw new Refusal(507, `There are ${this.maxCount} notes already.`);
    const now = new Date().toISOString();
    const note = { id: String(this.#nextId++), title: '', text: '', tags: [], ...checked(fields) };
    return this.#keep({ ...note, created_at: now, updated_at: now });
  }

  get(id) {
    return this.#notes.get(id) ?? missing('note', id);
  }

  change(id, fields) {
    return this.#keep({ ...this.get(id), ...checked(fields), updated_at: new Date().toISOString() });
  }

  delete(id) {
    if (!this.#notes.delete(id)) missing('note', id);
  }

  listAttachments() {
    return [...this.#attachments].map(([name, { type, bytes }]) => ({
      name,
      content_type: type,
      size: bytes.length,
    }));
  }

  /** Says whether the name is new. */
  putAttachment(name, type, bytes) {
    if (!ATTACHMENT_NAME.test(name)) {
      throw new Refusal(400, 'An attachment name has 1 to 100 letters, digits, ".", "-" or "_".');
    }
    const before = this.#attachments.get(name);
    const total = this.#bytes - (before?.bytes.length ?? 0) + bytes.length;
    if (total > this.maxBytes)
      throw new Refusal(507, `All attachments together are limited to ${this.maxBytes} bytes.`);
    this.#attachments.set(name, { type, bytes });
    this.#bytes = total;
    return before === undefined;
  }

  getAttachment(name) {
    return this.#attachments.get(name) ?? missing('attachment', name);
  }

  deleteAttachment(name) {
    this.#bytes -= this.getAttachment(name).bytes.length;
    this.#attachments.delete(name);
  }

  /** The map keeps the order of changes, so a changed note moves to its end. */
  #keep(note) {
    this.#notes.delete(note.id);
    this.#notes.set(note.id, note);
    return note;
  }
}

function searchable({ title, text, tags }) {
  return [title, text, ...tags].join('\n').toLowerCase();
}

function missing(kind, id) {
  throw new Refusal(404, `There is no ${kind} ${id}.`);
}

/** The fields of a note in a request, each of the right kind and size; anything else is refused by name. */
function checked(fields) {
  for (const [name, value] of Object.entries(fields)) {
    if (name === 'tags') checkTags(value);
    else if (!Object.hasOwn(NOTE_FIELDS, name)) throw new Refusal(400, `A note has no field ${name}.`);
    else if (typeof value !== 'string' || value.length > NOTE_FIELDS[name]) {
      throw new Refusal(400, `${name} must be a text of at most ${NOTE_FIELDS[name]} characters.`);
    }
  }
  if (fields.title?.trim() === '') throw new Refusal(400, 'title must not be empty.');
  return fields;
}

function checkTags(tags) {
  const isList = Array.isArray(tags) && tags.length <= TAG_LIMIT;
  if (!isList || !tags.every((tag) => typeof tag === 'string' && tag.length > 0 && tag.length <= TAG_LIMIT)) {
    throw new Refusal(
      400,
      `tags must be a list of at most ${TAG_LIMIT} texts of 1 to ${TAG_LIMIT} characters.`,
    );
  }
}
