import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { onTestFinished } from 'vitest';

import { Bundles } from '../../src/agent/bundles.js';
import { ProcessGroups } from '../../src/agent/processes/process-groups.js';
import { executeRun, type RunOutcome } from '../../src/agent/runs/execute-run.js';
import { ProcessExecutor } from '../../src/agent/runs/process-executor.js';
import { RunFolder } from '../../src/agent/runs/run-folder.js';
import type { RunOrder, RunProgress, RunStep } from '../../src/contract/index.js';

/** A step of this command. */
export const shell = (
  command: string,
  args: unknown[] = [],
  environment: Record<string, unknown> = {},
): RunStep => ({
  kind: 'shell',
  name: 'work',
  command,
  arguments: args,
  environment,
});
/** A step of this JavaScript. */
export const script = (code: string, args: unknown[] = []): RunStep => ({
  kind: 'script',
  name: 'work',
  language: 'js',
  code,
  arguments: args,
  environment: {},
});
/** A step that calls this address. */
export const http = (endpoint: string, more: object = {}): RunStep => ({
  kind: 'http',
  name: 'call',
  method: 'get',
  endpoint,
  headers: {},
  query: {},
  ...more,
});

/** An HTTP server for the length of the test; returns its origin. */
export async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A run that has begun. */
export interface Tried {
  readonly outcome: Promise<RunOutcome>;
  readonly reports: RunProgress[];
  readonly stop: AbortController;
  /** The lines that its steps wrote. */
  readonly log: string[];
  readonly workDir: string;
}

/** Runs these steps as an agent would, on a work folder of its own. */
export function run(steps: RunStep[], order: Partial<RunOrder> = {}, store = 'http://127.0.0.1:9'): Tried {
  const workDir = mkdtempSync(join(tmpdir(), 'run-'));
  onTestFinished(() => rmSync(workDir, { recursive: true, force: true }));
  const reports: RunProgress[] = [];
  const stop = new AbortController();
  const log: string[] = [];
  const execute = async (): Promise<RunOutcome> => {
    await using folder = await RunFolder.create(workDir);
    return await executeRun(
      { task_id: 'task-1', attempt: 1, steps, parameters: {}, files: [], timeout_seconds: 0, ...order },
      {
        folder,
        log: { add: (step, stream, text) => void log.push(`${step} ${stream}: ${text}`) },
        executor: new ProcessExecutor(new ProcessGroups(workDir)),
        bundles: new Bundles(workDir),
        progress: (report) => reports.push(report),
        stepsEnded: () => undefined,
        uploads: async (files) =>
          files.map(({ name }) => ({ name, url: `${store}/${name}`, headers: { 'If-None-Match': '*' } })),
        isRuntimeAway: () => false,
        isResumed: false,
        signal: stop.signal,
      },
    );
  };
  const outcome = execute();
  return { outcome, reports, stop, log, workDir };
}
