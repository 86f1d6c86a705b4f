import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

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
/** Not an attachment name, so that nothing can overwrite it. */
const INDEX = '.index.json';

/** Notes and attachments in a folder: a file for each, replaced whole. Of one process at a time. */
export class NoteStore {
  #notes;
  #attachments;

  constructor({ folder, maxCount, maxBytes }) {
    this.maxCount = maxCount;
    this.maxBytes = maxBytes;
    this.noteFolder = join(folder, 'notes');
    this.attachmentFolder = join(folder, 'attachments');
    for (const each of [this.noteFolder, this.attachmentFolder]) mkdirSync(each, { recursive: true });
    this.#notes = new Map(storedNotes(this.noteFolder).map((note) => [note.id, note]));
    this.#attachments = new Map(Object.entries(readJson(join(this.attachmentFolder, INDEX)) ?? {}));
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
    const id = randomBytes(6).toString('hex');
    const note = { id, title: '', text: '', tags: [], ...checked(fields) };
    return this.#keep({ ...note, created_at: now, updated_at: now });
  }

  get(id) {
    return this.#notes.get(id) ?? missing('note', id);
  }

  change(id, fields) {
    return this.#keep({ ...this.get(id), ...checked(fields), updated_at: new Date().toISOString() });
  }

  delete(id) {
    this.get(id);
    rmSync(this.#fileOf(id));
    this.#notes.delete(id);
  }

  listAttachments() {
    return [...this.#attachments].map(([name, facts]) => ({ name, ...facts }));
  }

  /** Says whether the name is new. */
  putAttachment(name, type, bytes) {
    if (!ATTACHMENT_NAME.test(name)) {
      throw new Refusal(400, 'An attachment name has 1 to 100 letters, digits, ".", "-" or "_".');
    }
    const others = this.listAttachments().filter((each) => each.name !== name);
    const total = others.reduce((sum, { size }) => sum + size, bytes.length);
    if (total > this.maxBytes) {
      throw new Refusal(507, `All attachments together are limited to ${this.maxBytes} bytes.`);
    }
    const isNew = !this.#attachments.has(name);
    replace(join(this.attachmentFolder, name), bytes);
    this.#attachments.set(name, { content_type: type, size: bytes.length });
    this.#keepIndex();
    return isNew;
  }

  getAttachment(name) {
    const { content_type: type } = this.#attachments.get(name) ?? missing('attachment', name);
    return { type, bytes: readFileSync(join(this.attachmentFolder, name)) };
  }

  deleteAttachment(name) {
    if (!this.#attachments.delete(name)) missing('attachment', name);
    this.#keepIndex();
    rmSync(join(this.attachmentFolder, name), { force: true });
  }

  /** The map keeps the order of changes, so a changed note moves to its end. */
  #keep(note) {
    replace(this.#fileOf(note.id), JSON.stringify(note));
    this.#notes.delete(note.id);
    this.#notes.set(note.id, note);
    return note;
  }

  #keepIndex() {
    replace(join(this.attachmentFolder, INDEX), JSON.stringify(Object.fromEntries(this.#attachments)));
  }

  #fileOf(id) {
    return join(this.noteFolder, `${id}.json`);
  }
}

/** Writes a file so that a reader, or the next start, sees the old or the new one and nothing between. */
function replace(path, content) {
  writeFileSync(`${path}~`, content);
  renameSync(`${path}~`, path);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function storedNotes(folder) {
  return readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .map((file) => readJson(join(folder, file)))
    .sort((a, b) => (a.updated_at < b.updated_at ? -1 : 1));
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
