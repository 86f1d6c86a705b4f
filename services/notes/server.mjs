// A small note store over HTTP, with Node's built-in modules only. Settings: PORT, HOST,
// CYBERUN_SERVICE_DIR (where it keeps its files), NOTES_MAX_COUNT.
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { OPENAPI } from './openapi.mjs';
import { ROUTES } from './routes.mjs';
import { NoteStore, Refusal } from './store.mjs';

const MEBIBYTE = 1024 * 1024;
const BODY_LIMIT = 32 * MEBIBYTE;
const {
  PORT = '8080',
  HOST = '127.0.0.1',
  CYBERUN_SERVICE_DIR: folder = join(tmpdir(), 'cyberun-notes'),
  NOTES_MAX_COUNT = '10000',
} = process.env;

const store = new NoteStore({ folder, maxCount: Number(NOTES_MAX_COUNT), maxBytes: 128 * MEBIBYTE });
const description = { method: 'GET', path: '/openapi.json', answer: () => ({ status: 200, json: OPENAPI }) };
const routes = [...ROUTES, description].map((route) => ({
  ...route,
  pattern: new RegExp(`^${route.path.replace(/{\w+}/, '([^/]+)')}$`),
}));

/** The route of a request and the id in its path. HEAD is answered as GET without the body. */
function routeOf(method, path) {
  const matching = routes.filter(({ pattern }) => pattern.test(path));
  if (matching.length === 0) throw new Refusal(404, `There is no ${path} here; see GET /openapi.json.`);
  const route = matching.find((candidate) => candidate.method === (method === 'HEAD' ? 'GET' : method));
  if (!route) throw new Refusal(405, `${path} takes ${matching.map((each) => each.method).join(', ')}.`);
  const [, id] = route.pattern.exec(path);
  return { route, id: id && decoded(id) };
}

function decoded(segment) {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new Refusal(400, 'The path is not properly percent-encoded.');
  }
}

async function bodyOf(request) {
  const chunks = [];
  let size = 0;
  // A refused request must stay whole: its answer goes out on the same connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    size += chunk.length;
    if (size > BODY_LIMIT) throw new Refusal(413, `A body is limited to ${BODY_LIMIT} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function fieldsOf(body) {
  let fields;
  try {
    fields = JSON.parse(body.toString('utf8'));
  } catch {
    throw new Refusal(400, 'The body is not JSON.');
  }
  if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) return fields;
  throw new Refusal(400, 'The body must be a JSON object.');
}

async function answerTo(request) {
  const { pathname, searchParams } = new URL(request.url, 'http://notes');
  const { route, id } = routeOf(request.method, pathname);
  const body = await bodyOf(request);
  return route.answer({
    store,
    id,
    query: Object.fromEntries(searchParams),
    type: request.headers['content-type'],
    body,
    get fields() {
      return fieldsOf(body);
    },
  });
}

function refusal(error) {
  if (error instanceof Refusal) return { status: error.status, json: { error_message: error.message } };
  console.error(error);
  return { status: 500, json: { error_message: 'The service failed; see its log.' } };
}

function send(response, { status, json, attachment }) {
  if (status === 413) response.setHeader('Connection', 'close');
  const content =
    attachment ?? (json && { type: 'application/json', bytes: Buffer.from(JSON.stringify(json)) });
  response.writeHead(
    status,
    content && { 'Content-Type': content.type, 'Content-Length': content.bytes.length },
  );
  response.end(content?.bytes);
}

const server = createServer((request, response) => {
  answerTo(request)
    .catch(refusal)
    .then((answer) => send(response, answer))
    .catch(() => response.destroy());
});
server.listen(Number(PORT), HOST, () => console.log(`notes on ${HOST}:${server.address().port}`));
for (const signal of ['SIGTERM', 'SIGINT'])
  process.once(signal, () => server.close(() => process.exit(0)).closeAllConnections());
