import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import { packageVersion } from '../config/index.js';
import type { AgentHello } from '../contract/index.js';
import { type AgentOptions, completed, type CompleteAgentOptions } from './agent-options.js';
import { AgentRefusedError, serveGateway } from './connection.js';
import { withOwnLabels } from './own-labels.js';
import { Worker } from './worker.js';

const logger = new Logger('Agent');
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Works for a gateway until told to end, dialling again whenever the connection is lost. What a lost gateway had
 * ordered is ended before it is dialled again.
 *
 * @throws {AgentRefusedError} when the gateway refuses the key or prefers another agent of this id.
 */
export async function runAgent(options: AgentOptions): Promise<void> {
  const complete = completed(options);
  const labels = await withOwnLabels(complete.labels);
  const worker = await Worker.in(complete.workDir, helloOf({ ...complete, labels }));
  try {
    await serveForEver(worker, complete);
  } finally {
    await worker.end();
  }
}

async function serveForEver(worker: Worker, options: CompleteAgentOptions): Promise<void> {
  const { signal } = options;
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      await serveGateway({
        ...options,
        listener: (stream, headers) => worker.answer(stream, headers),
        connected: () => {
          failures = 0;
          logger.log(`agent ${options.agentId} is connected to ${options.gateway}`);
        },
      });
    } catch (error) {
      if (error instanceof AgentRefusedError) throw error;
      if (!signal.aborted) logger.warn(`the gateway cannot be reached: ${(error as Error).message}`);
    }
    await worker.idle();
    await delay(pauseAfter(failures), undefined, { signal }).catch(() => undefined);
  }
}

/** Grows with the failures and differs from agent to agent, so that a gateway that is back is not stormed. */
function pauseAfter(failures: number): number {
  const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures);
  return longest * (0.5 + Math.random() / 2);
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
