// `npm run session`: one session of a client with traces, audit and metrics on, and what an operator then sees of it: the
// tree of its trace, the lines of the audit, the lines of the log of one task, and what the metrics have counted.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { OtlpReceiver } from '../test/support/otlp-receiver.ts';
import { buildIfStale } from './build-if-stale.mjs';
import { printAudit, printLog, printMetricChanges, printTrace } from './session/session-report.mjs';
import { startServer } from './session/session-server.mjs';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
/** The span of the program that the client belongs to; an agent host that traces sends its own. */
const TRACEPARENT = `00-${TRACE_ID}-b7ad6b7169203331-01`;
const KEY = `sk-${'observed-session'.padEnd(40, '0')}`;
const WRONG_KEY = `sk-${'wrong'.padEnd(40, '0')}`;

const WORKFLOW = `document:
  dsl: '1.0.0'
  namespace: examples
  name: count-words
  version: '1.0.0'
  title: Count words
input:
  schema:
    document:
      type: object
      required: [text]
      properties:
        text: { type: string, title: Text }
do:
  - count:
      run:
        shell:
          command: |
            printf '{"words":%d}' "$(printf '%s' "$CYBERUN_PARAM_TEXT" | wc -w)" > "$CYBERUN_OUTPUT_DIR/result.json"
`;

buildIfStale();
const folder = mkdtempSync(join(tmpdir(), 'cyberun-session-'));
try {
  await observe();
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function observe() {
  const audit = join(folder, 'audit.jsonl');
  const workflows = mkdtempSync(join(folder, 'workflows-'));
  writeFileSync(join(workflows, 'count-words.yaml'), WORKFLOW);
  await using receiver = await OtlpReceiver.start();
  const server = await startServer({
    CYBERUN_DATA_DIR: join(folder, 'data'),
    CYBERUN_WORKFLOWS_DIR: workflows,
    CYBERUN_BOOTSTRAP_KEY: KEY,
    CYBERUN_AUDIT_LOG: audit,
    CYBERUN_METRICS_PORT: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint,
  });
  let before;
  let after;
  try {
    before = await server.metrics();
    await session(server.endpoint);
    after = await server.metrics();
  } finally {
    // Sends the spans that are left.
    await server.end();
  }
  printTrace(receiver.spans.filter(({ traceId }) => traceId === TRACE_ID));
  printAudit(readFileSync(audit, 'utf8'));
  printLog(server.log);
  printMetricChanges(before, after);
}

/** Lists the tools, runs a task and reads it, asks for a workflow that is not there, and comes with a wrong key. */
async function session(endpoint) {
  const client = await connected(endpoint, KEY);
  await client.listTools();
  const arguments_ = {
    workflow_slug: 'count-words',
    body: { text: 'one two three' },
    wait_seconds: 45,
  };
  const run = await client.callTool({ name: 'run_workflow_by_slug', arguments: arguments_ });
  const { task_id } = run.structuredContent;
  await client.callTool({ name: 'get_task_result', arguments: { task_id } });
  await client.callTool({ name: 'run_workflow_by_slug', arguments: { workflow_slug: 'no-such-workflow' } });
  await client.close();
  await connected(endpoint, WRONG_KEY).catch(() => undefined);
}

async function connected(endpoint, key) {
  const client = new Client({ name: 'observed-session', version: '1.0.0' });
  const headers = { Authorization: `Bearer ${key}`, traceparent: TRACEPARENT };
  await client.connect(new StreamableHTTPClientTransport(new URL(endpoint), { requestInit: { headers } }));
  return client;
}
