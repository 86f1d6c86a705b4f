import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { friendlyRuntime } from '../support/every-tool.js';
import { answerOf, McpHttp } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { ServerProcess } from '../support/server.js';

/** About what V8 takes in a container of 512 MiB. */
const SMALL = ['--max-old-space-size=256', '--max-semi-space-size=16'];
const BODY_BYTES = 4_000_000;
const AT_ONCE = 40;

let runtime: MockRuntime;
let server: ServerProcess;

beforeAll(async () => {
  runtime = await friendlyRuntime();
  const entry = [...SMALL, packagePaths.entry, 'serve', '--role', 'mcp'];
  server = await ServerProcess.start({ CYBERUN_RUNTIME_URL: runtime.url }, [], entry);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});

it(
  'a small heap outlasts many bodies that take far more memory than bytes',
  { timeout: 60_000 },
  async () => {
    const http = new McpHttp({ url: server.endpoint });
    const listWorkflows = (ignored: unknown): Promise<Response> =>
      http.modern('tools/call', { name: 'list_workflows', arguments: { ignored } });
    const small = Array.from({ length: BODY_BYTES / 3 }, () => ({}));

    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => listWorkflows(small)));

    const refused = answers.filter(({ status }) => status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => status === 200).length).toBe(AT_ONCE - refused.length);
    for (const response of refused) {
      expect(response.headers.get('retry-after')).toBe('1');
      expect(await answerOf(response)).toMatchObject({ error: { code: -32000 }, id: null });
    }
    expect((await listWorkflows({})).status).toBe(200);
    expect(server.child.exitCode).toBeNull();
  },
);
