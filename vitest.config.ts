import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { defineConfig } from 'vitest/config';

/** Limits in seconds that only end what hangs: a machine at load 16 on two cores takes eight times as long as an idle one. */
const seconds = (test: number, hook = test) => ({ testTimeout: test * 1000, hookTimeout: hook * 1000 });

const project = (name: string, include: string[], test: object = {}) => ({
  test: { name, include, setupFiles: ['test/support/setup.ts'], ...seconds(600), ...test },
});

const withDatabase = { globalSetup: ['test/support/initialised-database.ts'] };
const withServer = { globalSetup: ['test/support/built-server.ts', ...withDatabase.globalSetup] };
const resultsFile = process.env['RESULTS_FILE'];

// Workers and the servers they start would compile the same packages a hundred times.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules/.cache/cyberun-mcp/compiled');

/** What is promised of the MCP endpoint, in front of Express and behind it. */
const ENDPOINT = [
  'http-edge',
  'mcp-{access-tokens,bounds,caller,clients,content,concurrency,drain,keys,oauth,http-errors,odd-bodies,resume,sessions}',
  'differential/*',
].map((name) => `test/e2e/${name}.e2e-spec.ts`);

/** What is promised of the embedded runtime and takes longer than `npm test` can. */
const EMBEDDED = 'test/embedded/**/*.e2e-spec.ts';

/** Of that, what is about processes, files and connections, and is the same on every database. */
const NO_DATABASE = [
  'embedded/{answer-links,toolsets,bundles,text-files,file-links,forwarded-links,runtime-multipart,traces}',
  'embedded/{service-calls,service-replicas,service-definitions,container-services}',
  'embedded/{agent-runs,agent-outputs,agent-drain,runtime-doctor,runtime-parameters}',
  'e2e/rest-bodies',
].map((name) => `test/${name}.e2e-spec.ts`);

/** What is promised of the embedded runtime, on PGlite and on a PostgreSQL server. */
const RUNTIME = [
  ...['{runtime,rest,task,agent,service}-*'].map((name) => `test/e2e/${name}.e2e-spec.ts`),
  EMBEDDED,
];

/** Input that nothing should accept, in numbers. Other tests may run beside it: nothing is killed, and no time is measured. */
const INPUT = 'test/faults/{fuzz-*,refused-uploads}.e2e-spec.ts';

export default defineConfig({
  test: {
    // Servers and clients wait for one another more than for a processor.
    maxWorkers: Math.max(4, availableParallelism()),
    reporters: resultsFile ? ['default', ['json', { outputFile: resultsFile }]] : ['default'],
    projects: [
      project('unit', ['src/**/*.spec.ts'], { isolate: false }),
      project('contract', ['test/contract/**/*.spec.ts'], { isolate: false }),
      project('e2e', ['test/e2e/**/*.e2e-spec.ts'], { ...withDatabase, isolate: false }),
      project('embedded', [EMBEDDED], { ...withDatabase, isolate: false }),
      project('postgresql', [...RUNTIME, 'test/postgresql/**/*.e2e-spec.ts'], {
        globalSetup: ['test/support/shared-postgresql.ts'],
        env: { TEST_DATABASE: 'postgresql' },
        exclude: NO_DATABASE,
        isolate: false,
      }),
      project('s3', ['test/s3/**/*.e2e-spec.ts'], { ...withDatabase, isolate: false }),
      project('kill', ['test/kill/**/*.e2e-spec.ts'], {
        ...seconds(1200),
        globalSetup: ['test/support/built-server.ts'],
      }),
      project('processes', ['test/processes/**/*.e2e-spec.ts'], { ...withServer, isolate: false }),
      project('controller', ENDPOINT, { env: { MCP_MOUNT: 'controller' }, isolate: false }),
      project('bounds', ['test/bounds/**/*.e2e-spec.ts'], {
        ...withServer,
        // A process writes the cache when it ends, which takes a second, and how long the end takes is measured here.
        env: { NODE_COMPILE_CACHE: '', NODE_DISABLE_COMPILE_CACHE: '1' },
      }),
      project('faults', ['test/faults/**/*.e2e-spec.ts'], {
        ...withServer,
        exclude: [INPUT],
        // One file at a time: what is killed should be under its own load.
        fileParallelism: false,
        sequence: { groupOrder: 1 },
      }),
      project('input', [INPUT], {
        ...seconds(900),
        ...withServer,
        fileParallelism: false,
        sequence: { groupOrder: 2 },
      }),
      project('replicas', ['test/replicas/**/*.e2e-spec.ts'], withServer),
      project('conformance', ['test/conformance/**/*.e2e-spec.ts']),
      project('containers', ['test/containers/**/*.e2e-spec.ts'], withServer),
      project('evals', ['test/evals/**/*.e2e-spec.ts'], withServer),
      project('chart', ['test/chart/**/*.spec.ts'], {
        globalSetup: ['test/chart/rendered-sets.ts'],
        // What Helm has rendered is kept for the files that follow.
        isolate: false,
      }),
      project('console', ['test/console/**/*.e2e-spec.ts'], {
        expect: { poll: { timeout: 30_000 } },
        globalSetup: ['test/support/built-pages.ts', ...withDatabase.globalSetup],
      }),
      project('package', ['test/package/**/*.e2e-spec.ts'], {
        ...seconds(900),
        globalSetup: ['test/support/built-pages.ts', 'test/package/built-types.ts'],
      }),
      project('image', ['test/image/**/*.e2e-spec.ts'], seconds(600, 1800)),
    ],
  },
});
