import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { ratio, round, withSpread } from '../budget.mjs';
import { overGenerations } from '../generations.mjs';
import { laneOf, startProduct } from '../peers.mjs';
import { STATELESS } from '../protocol.mjs';
import { serverScript, ServerProcess } from '../server-process.mjs';
import { costOf, ratioOf } from '../windows.mjs';

/** What is compared, and the variables that switch it on. */
const KINDS = {
  off: { label: 'nothing set', env: () => ({}) },
  sampled: {
    label: 'traces, 1 in 100 sampled',
    env: ({ endpoint }) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.01',
    }),
  },
  traced: {
    label: 'traces, all sent',
    // Those that wait are more than a core can make between two batches, so that none is dropped.
    env: ({ endpoint }) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '500',
      OTEL_BSP_MAX_QUEUE_SIZE: '65536',
    }),
  },
  audited: {
    label: 'audit to a file',
    env: ({ folder }) => ({ CYBERUN_AUDIT_LOG: join(folder, 'audit.jsonl') }),
  },
};

/** `list_agents` with traces and audit off and on: two spans or one line per call. */
export async function tracing({ runtime, windowing }) {
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-tracing-'));
  try {
    const { windows } = await overGenerations(() => started(runtime, folder), windowing);
    return { title: 'traces and audit, off and on (list_agents)', ...tableOf(windows), budgets: [] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tableOf(windows) {
  const windowsOf = (kind) => windows.get(nameOf(kind));
  const rows = Object.entries(KINDS).map(([kind, { label }]) => {
    const { cpuUs, perSecond, p99Ms } = costOf(windowsOf(kind));
    const overOff = withSpread(ratioOf(windowsOf(kind), windowsOf('off')), ratio);
    return [
      label,
      withSpread(cpuUs),
      round(cpuUs.min),
      round(perSecond),
      round(p99Ms),
      kind === 'off' ? '–' : overOff,
    ];
  });
  const columns = ['cyberun-mcp with', 'CPU µs per call', 'min', 'per s', 'p99 ms', 'it ÷ off'];
  return { columns, rows, data: { windows: Object.fromEntries(windows) } };
}

const nameOf = (kind) => `${kind} ${STATELESS}`;

async function started(runtime, folder) {
  const receiver = await ServerProcess.start({ script: serverScript('otlp-receiver'), place: 'client' });
  const servers = { receiver };
  const lanes = [];
  const what = { method: 'tools/call', params: { name: 'list_agents', arguments: {} } };
  for (const [kind, { env }] of Object.entries(KINDS)) {
    const place = { endpoint: receiver.endpoint, folder };
    servers[kind] = await startProduct(runtime.endpoint, { env: env(place) });
    lanes.push(await laneOf(servers[kind], { kind, era: STATELESS, ...what }));
  }
  return { servers, lanes };
}
