import { readFileSync } from 'node:fs';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { friendlyRuntime } from '../support/every-tool.js';
import { LimitedServer } from '../support/limited-server.js';
import { answerOf, McpHttp } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { resultSample, TASK_ID } from '../support/runtime-samples.js';

/** About what V8 takes in a container of 400 MiB. */
const FLAGS = ['--max-old-space-size=256', '--max-semi-space-size=16'];
const RESULT = 'GET /r/tasks/:id/result';
const AT_ONCE = 40;

let runtime: MockRuntime;
let server: LimitedServer;
let http: McpHttp;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  const environment = { CYBERUN_RUNTIME_URL: runtime.url };
  server = await LimitedServer.start('mcp', { shortStallMs: 300 }, environment, FLAGS);
  http = new McpHttp({ url: server.endpoint });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

const atOnce = <Item>(ask: () => Promise<Item>): Promise<Item[]> =>
  Promise.all(Array.from({ length: AT_ONCE }, ask));
const result = (sending: { signal?: AbortSignal } = {}): Promise<Response> =>
  http.stateless('tools/call', { name: 'get_task_result', arguments: { task_id: TASK_ID } }, sending);
/** Has the runtime answer with so many bytes; it says beforehand how many, unless it sends chunks. */
function answering(bytes: number, headers: Record<string, string> = {}): void {
  const text = JSON.stringify({ ...resultSample, note: 'x'.repeat(bytes) });
  runtime.on(RESULT, (_request, response) => response.setHeaders(new Headers(headers)).end(text));
}
/** The end of the note that came, or what came instead. */
async function noteOf(response: Response): Promise<unknown> {
  const { note, error_message } = (await answerOf(response)).result?.structuredContent ?? {};
  return typeof note === 'string' ? note.replace(/^x+ /, '') : error_message;
}
const CUT =
  /^The whole answer is too large for a model: \/note has the first 1\d,\d{3} of 6,000,000 characters/;

/** Most bytes of memory the process ever had. */
const peak = (): number => {
  const status = readFileSync(`/proc/${server.process.child.pid}/status`, 'utf8');
  return 1024 * Number(/VmHWM:\s*(\d+)/.exec(status)?.[1]);
};

describe('a small heap outlasts', () => {
  it('a server with a small heap survives many bodies at once that take far more memory than bytes', async () => {
    const listWorkflows = (ignored: unknown): Promise<Response> =>
      http.stateless('tools/call', { name: 'list_workflows', arguments: { ignored } });
    const small = Array.from({ length: 1_333_333 }, () => ({}));

    const answers = await atOnce(() => listWorkflows(small));

    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => status === 200).length).toBe(AT_ONCE - refused.length);
    for (const response of refused) {
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await answerOf(response)).toMatchObject({ error: { code: -32000 }, id: null });
    }
    expect((await listWorkflows({})).status).toBe(200);
  });

  it.each([
    ['of known size', {}],
    ['in chunks', { 'Transfer-Encoding': 'chunked' }],
  ])('a server with a small heap sends many large answers at once, %s', async (_how, headers) => {
    answering(6_000_000, headers);
    const notes = await atOnce(async () => await noteOf(await result()));
    expect(new Set(notes)).toEqual(new Set([expect.stringMatching(CUT)]));
  });

  it('a server with a small heap survives an answer that is larger than it could take', async () => {
    answering(20_000_000);
    expect(await noteOf(await result())).toMatch(/larger than the 6\d{6} bytes/);
  });

  it('a server with a small heap serves a client while many others do not read their answers', async () => {
    answering(6_000_000);
    const image = { 'content-type': 'image/png' };
    const body_base64 = Buffer.alloc(1_000_000).toString('base64');
    runtime.on('POST /r/invoke/:slug', { json: { status_code: 200, headers: image, body_base64 } });
    const left = new AbortController();
    const call = {
      name: 'call_container_service',
      arguments: { service_slug: 'a', method: 'GET', path: '/' },
    };
    // Undici reads a body only on demand.
    const unread = atOnce(() => http.stateless('tools/call', call, { signal: left.signal }));
    expect(await noteOf(await result())).toMatch(CUT);
    expect((await unread).map(({ status }) => status)).toEqual(Array.from({ length: AT_ONCE }, () => 200));
    left.abort();
    expect(peak() / 1_048_576).toBeLessThan(700);
  });
});
