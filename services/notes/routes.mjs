import { Refusal } from './store.mjs';

const ref = (name) => ({ $ref: `#/components/schemas/${name}` });
const json = (description, schema) => ({ description, content: { 'application/json': { schema } } });
const bytes = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
const noteBody = (schema) => ({ required: true, content: { 'application/json': { schema } } });
const query = (name, schema, description) => ({ name, in: 'query', description, schema });

const DEFAULT_LIMIT = 20;
const LIMITS = { limit: [1, 100], offset: [0, Number.MAX_SAFE_INTEGER] };

function wholeNumber(name, text, standard) {
  const [least, most] = LIMITS[name];
  const number = text === undefined ? standard : Number(text);
  if (Number.isSafeInteger(number) && number >= least && number <= most) return number;
  throw new Refusal(400, `${name} must be a whole number from ${least} to ${most}.`);
}

function listNotes({ store, query: { q, tag, limit, offset } }) {
  const page = {
    limit: wholeNumber('limit', limit, DEFAULT_LIMIT),
    offset: wholeNumber('offset', offset, 0),
  };
  return { status: 200, json: store.find({ q, tag, ...page }) };
}

function putAttachment({ store, id, type, body }) {
  const isNew = store.putAttachment(id, type ?? 'application/octet-stream', body);
  return { status: isNew ? 201 : 204 };
}

/**
 * Every route of the service: what it answers and what the OpenAPI document says about it, in one place, so that the
 * two cannot differ. `{id}` and `{name}` reach the answer as `id`.
 */
export const ROUTES = [
  {
    method: 'GET',
    path: '/notes',
    answer: listNotes,
    operation: {
      operationId: 'listNotes',
      summary: 'List or search notes, last changed first',
      parameters: [
        query('q', { type: 'string' }, 'Words the note must contain, in title, text or tags'),
        query('tag', { type: 'string' }, 'Tag the note must carry'),
        query(
          'limit',
          { type: 'integer', minimum: 1, maximum: 100, default: DEFAULT_LIMIT },
          'Notes to return',
        ),
        query('offset', { type: 'integer', minimum: 0, default: 0 }, 'Notes to skip'),
      ],
      responses: { 200: json('A page of notes', ref('NotePage')) },
    },
  },
  {
    method: 'POST',
    path: '/notes',
    answer: ({ store, fields }) => ({ status: 201, json: store.add(fields) }),
    operation: {
      operationId: 'addNote',
      summary: 'Add a note',
      requestBody: noteBody({ allOf: [ref('NoteFields'), { required: ['title'] }] }),
      responses: { 201: json('The note', ref('Note')), 400: json('Not a note', ref('Error')) },
    },
  },
  {
    method: 'GET',
    path: '/notes/{id}',
    answer: ({ store, id }) => ({ status: 200, json: store.get(id) }),
    operation: {
      operationId: 'getNote',
      summary: 'Read a note',
      responses: { 200: json('The note', ref('Note')), 404: json('No such note', ref('Error')) },
    },
  },
  {
    method: 'PATCH',
    path: '/notes/{id}',
    answer: ({ store, id, fields }) => ({ status: 200, json: store.change(id, fields) }),
    operation: {
      operationId: 'changeNote',
      summary: 'Replace some fields of a note',
      requestBody: noteBody(ref('NoteFields')),
      responses: { 200: json('The note', ref('Note')), 404: json('No such note', ref('Error')) },
    },
  },
  {
    method: 'DELETE',
    path: '/notes/{id}',
    answer: ({ store, id }) => ({ status: 204, json: store.delete(id) }),
    operation: {
      operationId: 'deleteNote',
      summary: 'Delete a note for good',
      responses: { 204: { description: 'Deleted' }, 404: json('No such note', ref('Error')) },
    },
  },
  {
    method: 'GET',
    path: '/attachments',
    answer: ({ store }) => ({ status: 200, json: { attachments: store.listAttachments() } }),
    operation: {
      operationId: 'listAttachments',
      summary: 'List attachments',
      responses: { 200: json('Name, type and size of each', ref('AttachmentList')) },
    },
  },
  {
    method: 'PUT',
    path: '/attachments/{name}',
    answer: putAttachment,
    operation: {
      operationId: 'putAttachment',
      summary: 'Store bytes under a name, replacing what was there',
      requestBody: { required: true, content: bytes },
      responses: {
        201: { description: 'Stored' },
        204: { description: 'Replaced' },
        400: json('Bad name', ref('Error')),
      },
    },
  },
  {
    method: 'GET',
    path: '/attachments/{name}',
    answer: ({ store, id }) => ({ status: 200, attachment: store.getAttachment(id) }),
    operation: {
      operationId: 'getAttachment',
      summary: 'Read the bytes of an attachment, with the type they were stored with',
      responses: {
        200: { description: 'The bytes', content: bytes },
        404: json('No such attachment', ref('Error')),
      },
    },
  },
  {
    method: 'DELETE',
    path: '/attachments/{name}',
    answer: ({ store, id }) => ({ status: 204, json: store.deleteAttachment(id) }),
    operation: {
      operationId: 'deleteAttachment',
      summary: 'Delete an attachment for good',
      responses: { 204: { description: 'Deleted' }, 404: json('No such attachment', ref('Error')) },
    },
  },
  {
    method: 'GET',
    path: '/health',
    answer: () => ({ status: 200, json: { status: 'ok' } }),
    operation: {
      operationId: 'health',
      summary: 'Whether the service works',
      responses: { 200: { description: 'It does' } },
    },
  },
];
