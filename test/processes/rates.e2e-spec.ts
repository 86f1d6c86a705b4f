import { expect, it } from 'vitest';

import { McpHttp, resultOf } from '../support/mcp-http.js';
import { ServerProcess } from '../support/server.js';

const PER_KEY = 3;

it('a call of a tool counts once in a server that has its runtime in the same process', async () => {
  await using server = await ServerProcess.start({ CYBERUN_HTTP_RATE_PER_KEY: String(PER_KEY) });
  const http = new McpHttp({ url: server.endpoint }, server.key);
  const list = (): Promise<Response> => http.stateless('tools/call', { name: 'list_tasks', arguments: {} });
  for (let n = 0; n < PER_KEY; n += 1) {
    const result = await resultOf(await list());
    expect(result.structuredContent).toMatchObject({ task_list: [] });
  }
  expect((await list()).status).toBe(429);
});
