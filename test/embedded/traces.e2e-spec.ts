import { afterAll, beforeAll, expect, it } from 'vitest';

import { readConfig } from '../../src/config/index.js';
import { startTraces, type TraceExport } from '../../src/observability/index.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { OtlpReceiver } from '../support/otlp-receiver.js';
import { until } from '../support/processes.js';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

let receiver: OtlpReceiver;
let traces: TraceExport;
let server: RuntimeServer;
let agent: TestAgent;

beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, OTEL_BSP_SCHEDULE_DELAY: '10' };
  traces = await startTraces(readConfig('runtime', env));
  server = await RuntimeServer.start(
    {
      'told.yaml': shellWorkflow(
        'told',
        'echo "{\\"trace\\":\\"$TRACEPARENT\\"}" > "$CYBERUN_OUTPUT_DIR/result.json"',
      ),
    },
    { env },
  );
  agent = await TestAgent.start(server);
});
afterAll(async () => {
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await traces.end();
  await receiver[Symbol.asyncDispose]();
});

it('a run goes on with the trace of the request that has submitted it, down to its program', async () => {
  const response = await fetch(`${server.origin}/api/v1/r/workflows/slug/told/run`, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${BOOTSTRAP_KEY}`,
      'Content-Type': 'application/json',
      traceparent: `00-${TRACE_ID}-${PARENT}-01`,
      tracestate: 'vendor=x',
    },
    body: '{"parameters":{}}',
  });
  const { task_id } = (await response.json()) as { task_id: string };
  await until(async () => receiver.trace(TRACE_ID).has('run told'));
  const spans = receiver.trace(TRACE_ID);
  const submit = spans.get('POST /api/v1/r/workflows/slug/:slug/run');
  expect(submit).toMatchObject({ parentId: PARENT, kind: 2 });
  expect(submit?.attributes).toMatchObject({ 'http.response.status_code': 202 });
  const run = spans.get('run told');
  expect(run).toMatchObject({ parentId: submit?.spanId, kind: 5, links: [submit?.spanId] });
  expect(run?.attributes).toMatchObject({ 'cyberun.task.id': task_id, 'cyberun.run.attempt': 1 });
  const step = [...spans.values()].find(({ name }) => name.startsWith('step '));
  expect(step).toMatchObject({ parentId: run?.spanId, kind: 1 });
  await until(async () => (await server.get(`/r/tasks/${task_id}`)).body.task_status === 'completed');
  const result = (await server.get(`/r/tasks/${task_id}/result`)).body;
  expect(result.task_output).toEqual({ trace: `00-${TRACE_ID}-${step?.spanId}-01` });
});
