import type { McpApp } from './mcp-app.js';
import { McpHttp, rpc } from './mcp-http.js';
import { until } from './processes.js';
import { head, Wire } from './wire.js';

const PATH = '/api/v1/mcp';
const BODY_LIMIT = 2048;
const TOO_LONG = 'x'.repeat(5000);

export interface HttpError {
  readonly status: number;
  readonly type: string | null;
  readonly json: unknown;
}

/** What an endpoint is started with for every refusal to be within reach. */
export const ERROR_SETTINGS = {
  environment: { CYBERUN_MCP_BODY_LIMIT_BYTES: String(BODY_LIMIT) },
  limits: { bodyMs: 300, requestsPerKey: 1 },
};

let keys = 0;
const client = (app: McpApp): McpHttp => new McpHttp(app, `sk-refused-${(keys += 1)}-0123456789`);

const read = async (response: Response): Promise<HttpError> => ({
  status: response.status,
  type: response.headers.get('content-type'),
  json: await response.json(),
});

const post = (app: McpApp, headers: Record<string, string> = {}): Promise<HttpError> =>
  client(app).send('POST', rpc('ping'), { headers }).then(read);

/** Sends the head of a request that no HTTP client would send. */
async function say(app: McpApp, target: string, headers: Record<string, string>): Promise<HttpError> {
  using wire = await Wire.to(app.url);
  const usual = { Authorization: 'Bearer sk-wire', Accept: '*/*', 'Content-Type': 'application/json' };
  wire.say(`${head('POST', target, { ...usual, Connection: 'close', ...headers })}\r\n`);
  const { status, headers: answered, json } = await wire.lastAnswer();
  return { status, type: answered.get('content-type'), json };
}

/** Two calls of a key that may have one. */
async function tooMany(app: McpApp): Promise<HttpError> {
  const http = client(app);
  const leave = new AbortController();
  const first = http
    .stateless('tools/call', { name: 'wait' }, { signal: leave.signal })
    .catch(() => undefined);
  await until(() => Promise.resolve(app.odd.waiting === 1));
  const second = await read(await http.stateless('tools/call', { name: 'wait' }));
  leave.abort();
  await first;
  return second;
}

/** One request for every status that the edge refuses with. 503 is the last, since nothing is served after it. */
export const HTTP_ERRORS: Readonly<Record<number, (app: McpApp) => Promise<HttpError>>> = {
  400: (app) => say(app, PATH, { hOST: 'localhost' }),
  401: (app) => post(app, { Authorization: 'Bearer dk-0' }),
  403: (app) => post(app, { Origin: 'https://evil.example' }),
  405: (app) => client(app).send('PUT').then(read),
  406: (app) => post(app, { Accept: 'text/html' }),
  408: (app) => say(app, PATH, { 'Content-Length': '9' }),
  413: (app) => say(app, PATH, { 'Content-Length': String(BODY_LIMIT + 1) }),
  414: (app) => say(app, `${PATH}?${TOO_LONG}`, {}),
  415: (app) => post(app, { 'Content-Encoding': 'gzip' }),
  417: (app) => say(app, PATH, { Expect: 'wonders' }),
  429: tooMany,
  431: (app) => say(app, PATH, { 'X-Long': TOO_LONG.repeat(4) }),
  503: async (app) => {
    await app.drain(0);
    return await post(app);
  },
};
