import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';

import { Logger } from '@nestjs/common';
import { z } from 'zod';

import { packageVersion } from '../config/index.js';
import { type AgentHello, PYTHON_LABEL } from '../contract/index.js';
import { type AgentOptions, type CompleteAgentOptions, completed } from './agent-options.js';
import { cleanEnvironment } from './clean-environment.js';
import { keepRunning } from '../tunnel/index.js';
import { AgentRefusedError, serveGateway } from './connection.js';
import { Worker } from './worker.js';

const logger = new Logger('Agent');
/** Time for `python3 --version`; after that the agent counts as having no Python. */
const PYTHON_LIMIT_MS = 10_000;
const REDIAL = { firstMs: 100, longestMs: 10_000, isSpread: true };

/**
 * Runs an agent until its signal is aborted. After a lost connection it ends all runs and services and dials again.
 *
 * @throws {AgentRefusedError} when the gateway refuses the key, or another agent with this id has connected.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const complete = completed(options);
  const labels = await withOwnLabels(complete.labels);
  const worker = await Worker.in(complete.workDir, helloOf({ ...complete, labels }));
  try {
    await stayConnected(worker, complete);
  } finally {
    await worker.end();
  }
}

/** Dials the gateway again whenever the connection ends, until the signal is aborted. */
async function stayConnected(worker: Worker, options: CompleteAgentOptions): Promise<void> {
  const { signal } = options;
  const serve = async (recovered: () => void): Promise<void> => {
    try {
      await serveGateway({
        ...options,
        listener: (stream, headers) => worker.answer(stream, headers),
        connected: () => {
          recovered();
          logger.log(`agent ${options.agentId} is connected to ${options.gateway}`);
        },
      });
    } catch (error) {
      if (error instanceof AgentRefusedError) throw error;
      if (!signal.aborted) logger.warn(`the gateway cannot be reached: ${(error as Error).message}`);
    }
    await worker.idle();
  };
  await keepRunning(serve, signal, REDIAL);
}

function helloOf({ agentId, labels, slots }: CompleteAgentOptions): AgentHello {
  return {
    agent_id: agentId,
    labels: [...labels],
    slots,
    version: packageVersion,
    platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`,
  };
}

/** The configured labels, and those of the programs on this machine. */
async function withOwnLabels(labels: readonly string[]): Promise<string[]> {
  const own = (await hasPython()) ? [PYTHON_LABEL] : [];
  return [...new Set([...labels, ...own])];
}

/** Whether runs can use Python. */
async function hasPython(): Promise<boolean> {
  try {
    // In the environment of a run: a version manager that needs the user's home does not work there.
    const env = cleanEnvironment(tmpdir(), tmpdir());
    await promisify(execFile)('python3', ['--version'], { env, timeout: PYTHON_LIMIT_MS });
    return true;
  } catch {
    return false;
  }
}

/** What the server sends to its local agent over IPC; the key is stored nowhere else. */
const localAgentOrder = z.object({
  gateway: z.string(),
  key: z.string(),
  agentId: z.string(),
  labels: z.array(z.string()),
  slots: z.number().int(),
  workDir: z.string(),
  /** For the files of tasks; the umask of the server is stricter. */
  umask: z.number().int(),
});

/** Runs the agent of the server that started this process, and ends with it. */
export async function runLocalAgent(): Promise<void> {
  if (!process.channel) throw new Error('agent --local is started by the server itself.');
  const end = new AbortController();
  process.once('disconnect', () => end.abort());
  process.once('SIGTERM', () => end.abort());
  // Ctrl-C sends SIGINT to every process of the terminal; the server stops this one by SIGTERM.
  process.on('SIGINT', () => undefined);
  try {
    const message = await Promise.race([once(process, 'message'), once(end.signal, 'abort')]);
    if (end.signal.aborted) return;
    const { umask, ...order } = localAgentOrder.parse(message[0]);
    process.umask(umask);
    await runAgent({ ...order, signal: end.signal });
  } finally {
    // An open channel would keep the process alive.
    if (process.connected) process.disconnect();
  }
}
