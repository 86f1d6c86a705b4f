import { ROUTES } from './routes.mjs';

const text = { type: 'string' };
const time = { type: 'string', format: 'date-time' };
const tags = { type: 'array', items: text };
const fields = { title: { ...text, maxLength: 200 }, text: { ...text, maxLength: 100_000 }, tags };

const schemas = {
  NoteFields: { type: 'object', additionalProperties: false, properties: fields },
  Note: {
    type: 'object',
    required: ['id', 'title', 'text', 'tags', 'created_at', 'updated_at'],
    properties: { id: text, ...fields, created_at: time, updated_at: time },
  },
  NotePage: {
    type: 'object',
    required: ['notes', 'total'],
    properties: {
      notes: { type: 'array', items: { $ref: '#/components/schemas/Note' } },
      total: { type: 'integer' },
    },
  },
  AttachmentList: {
    type: 'object',
    required: ['attachments'],
    properties: {
      attachments: {
        type: 'array',
        items: { type: 'object', properties: { name: text, content_type: text, size: { type: 'integer' } } },
      },
    },
  },
  Error: { type: 'object', required: ['error_message'], properties: { error_message: text } },
};

function pathParameters(path) {
  return [...path.matchAll(/{(\w+)}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: text,
  }));
}

function pathsOf(routes) {
  const paths = {};
  for (const { method, path, operation } of routes) {
    const parameters = [...pathParameters(path), ...(operation.parameters ?? [])];
    paths[path] = { ...paths[path], [method.toLowerCase()]: { ...operation, parameters } };
  }
  return paths;
}

/** The OpenAPI 3.1 document of the service, made of its routes. */
export const OPENAPI = {
  openapi: '3.1.0',
  info: {
    title: 'Notes',
    version: '1.0.0',
    description: 'A small note store.',
  },
  servers: [{ url: '/' }],
  paths: pathsOf(ROUTES),
  components: { schemas },
};
