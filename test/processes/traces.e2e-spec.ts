import { existsSync, readFileSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { shellWorkflow } from '../e2e/agent-support/agent-fixture.js';
import { temporaryFolder } from '../support/command-line.js';
import { answerOf, call, McpHttp } from '../support/mcp-http.js';
import { OtlpReceiver } from '../support/otlp-receiver.js';
import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

const resources = new AsyncDisposableStack();
let receiver: OtlpReceiver;
let server: ServerProcess;
let audit: string;

beforeAll(async () => {
  receiver = resources.use(await OtlpReceiver.start());
  const { path } = resources.use(await temporaryFolder());
  audit = join(path, 'audit.jsonl');
  const command = 'printf \'{"trace":"%s"}\' "$TRACEPARENT" > "$CYBERUN_OUTPUT_DIR/result.json"';
  await writeFile(join(path, 'told.yaml'), shellWorkflow('told', command));
  server = resources.use(
    await ServerProcess.start({
      CYBERUN_WORKFLOWS_DIR: path,
      CYBERUN_AUDIT_LOG: audit,
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      OTEL_TRACES_SAMPLER: 'nonsense',
    }),
  );
});
afterAll(() => resources.disposeAsync());

it('one trace leads from the client of a tool through server, queue and agent to the program', async () => {
  const http = new McpHttp({ url: server.endpoint }, server.key);
  const meta = { traceparent: `00-${TRACE_ID}-${PARENT}-01` };
  const args = { workflow_slug: 'told', wait_seconds: 45 };
  const answer = await answerOf(
    await http.ask(await http.open(), call('run_workflow_by_slug', args, 1, meta)),
  );
  const told = answer.result?.structuredContent['task_output'] as { readonly trace: string };
  await until(async () => receiver.trace(TRACE_ID).has('tools/call run_workflow_by_slug'));
  await until(async () => receiver.trace(TRACE_ID).has('run told'));
  const spans = receiver.trace(TRACE_ID);
  const chain = [
    'tools/call run_workflow_by_slug',
    'POST run the workflow',
    'POST /api/v1/r/workflows/slug/:slug/run',
    'run told',
    'step work',
  ].map((name) => spans.get(name));
  expect(chain.map((span) => span?.parentId)).toEqual([
    PARENT,
    ...chain.slice(0, -1).map((span) => span?.spanId),
  ]);
  const [ours, agents] = ['cyberun-mcp', 'cyberun-agent'];
  expect(chain.map((span) => span?.service)).toEqual([ours, ours, ours, agents, agents]);
  expect(told.trace).toBe(`00-${TRACE_ID}-${chain.at(-1)?.spanId}-01`);
});

it('a variable with a value that is not known is a warning in the log, and no reason not to start', () => {
  expect(server.log.join('\n')).toContain('OTEL_TRACES_SAMPLER is \\"nonsense\\", which is ignored');
});

it('the lines of a task have its id and that of the trace', () => {
  const lines = server.log.filter((line) => line.includes('"trace_id"')).map((line) => JSON.parse(line));
  const started = lines.find(({ message }) => String(message).includes(': started on agent'));
  expect(started).toMatchObject({
    trace_id: TRACE_ID,
    task_id: expect.any(String) as string,
    team_id: expect.any(String) as string,
  });
  const submitted = lines.find(({ message }) => String(message).endsWith(': submitted'));
  expect(submitted).toMatchObject({
    trace_id: TRACE_ID,
    request_id: expect.any(String) as string,
    credential_id: expect.any(String) as string,
    task_id: started?.task_id,
  });
  expect(started).not.toHaveProperty('request_id');
});

it('the audit names a run by its tool call and by its request, with one request id', async () => {
  const lines = (await readFile(audit, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const [rest, tool] = ['rest_call', 'tool_call'].map((kind) => lines.find((line) => line['audit'] === kind));
  expect(tool).toMatchObject({ tool: 'run_workflow_by_slug', trace_id: TRACE_ID });
  expect(rest).toMatchObject({ trace_id: TRACE_ID, request_id: tool?.['request_id'] });
});

it.skipIf(process.platform === 'win32')(
  'SIGHUP begins a new file of the audit, and none of its lines is lost',
  async () => {
    const http = new McpHttp({ url: server.endpoint }, server.key);
    const ask = async (): Promise<string> =>
      await (await http.stateless('tools/call', { name: 'list_tasks', arguments: {} })).text();
    await ask();
    await rename(audit, `${audit}.1`);
    server.child.kill('SIGHUP');
    let asked = 1;
    await until(async () => {
      await ask();
      asked += 1;
      return existsSync(audit);
    });
    await ask();
    asked += 1;
    const files = (): string[] => [`${audit}.1`, audit].map((path) => readFileSync(path, 'utf8'));
    // A line is written once the call is answered.
    await until(async () => files().join('').split('"list_tasks"').length > asked);
    expect(files().map((text) => text.includes('"list_tasks"'))).toEqual([true, true]);
    expect(files().join('').split('"list_tasks"')).toHaveLength(asked + 1);
  },
);

it('spans that are not sent yet are sent at the end', async () => {
  const http = new McpHttp({ url: server.endpoint }, server.key);
  const last = TRACE_ID.replace('0af', 'eee');
  const meta = { traceparent: `00-${last}-${PARENT}-01` };
  await answerOf(await http.stateless('tools/call', { name: 'list_agents', arguments: {} }, { meta }));
  await server.end();
  expect(receiver.trace(last).has('tools/call list_agents')).toBe(true);
});
