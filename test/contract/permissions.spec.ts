import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { expect, it } from 'vitest';

import { EVERY_TOOL } from '../support/every-tool.js';
import { startMcp } from '../support/mcp-application.js';
import { MockRuntime } from '../support/mock-runtime.js';

const LACKS = /lacks the permission "(\w+)"/;

it('a key without permissions may call the tools that only read, and each other one names what it needs', async () => {
  await using runtime = await MockRuntime.start();
  runtime.on('GET /r/workflows', { json: {}, headers: { 'Cyberun-Permissions': '' } });
  await using application = await startMcp(runtime.url);
  const client = new Client({ name: 'contract', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const headers = { Authorization: 'Bearer sk-reader' };
  await client.connect(
    new StreamableHTTPClientTransport(new URL(application.endpoint), { requestInit: { headers } }),
  );
  const { tools } = await client.listTools();
  // Tools of further domains leave permissions to the runtime they call.
  const platform = EVERY_TOOL.map(({ name }) => name);
  const needs: Record<string, string> = {};
  const reads: string[] = [];
  for (const { name, annotations } of tools.filter(({ name }) => platform.includes(name))) {
    const call = EVERY_TOOL.find((known) => known.name === name);
    const answer = JSON.stringify(await client.callTool({ name, arguments: { ...call?.args } }));
    const needed = LACKS.exec(answer.replaceAll('\\', ''))?.[1];
    if (needed !== undefined) needs[name] = needed;
    if (annotations?.readOnlyHint === true) reads.push(name);
  }
  await client.close();
  expect(needs).toEqual({
    call_container_service: 'invoke',
    cancel_task: 'run',
    presign_file_upload: 'run',
    run_workflow: 'run',
    run_workflow_by_slug: 'run',
  });
  expect([...Object.keys(needs), ...reads].toSorted()).toEqual(platform.toSorted());
});
