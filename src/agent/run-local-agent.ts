import { once } from 'node:events';

import { z } from 'zod';

import { runAgent } from './run-agent.js';

/** What the server hands its agent over IPC; the key is nowhere else. */
const localAgentOrder = z.object({
  gateway: z.string(),
  key: z.string(),
  agentId: z.string(),
  labels: z.array(z.string()),
  slots: z.number().int(),
  workDir: z.string(),
  /** What new files of tasks get; that of the server is stricter. */
  umask: z.number().int(),
});

/** Works for the server that started this process, and ends with it. */
export async function runLocalAgent(): Promise<void> {
  if (!process.channel) throw new Error('agent --local is started by the server itself.');
  const end = new AbortController();
  process.once('disconnect', () => end.abort());
  process.once('SIGTERM', () => end.abort());
  // A Ctrl-C reaches the whole terminal; the server decides what it means for us.
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
