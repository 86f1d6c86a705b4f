import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

import type { RunName } from '../runs/run-stream.js';

const FORM = /^ak-run-([a-z0-9-]+)\.(\d{1,9})\.([A-Za-z0-9_-]{43})$/;

/**
 * The tokens by which pods are known to their agent. Each is for one run, and only at this agent: the runtime knows none. They are
 * derived from the key of the agent, so that the next process of the agent accepts those of the pods that go on.
 */
export class RunTokens {
  private readonly secret: Buffer;

  constructor(agentKey: string) {
    this.secret = Buffer.from(hkdfSync('sha256', agentKey, '', 'cyberun run token', 32));
  }

  of({ task_id, attempt }: RunName): string {
    return `ak-run-${task_id}.${attempt}.${this.codeOf({ task_id, attempt })}`;
  }

  /** The run whose token this is. */
  runOf(token: string): RunName | undefined {
    const [, task_id = '', number, code = ''] = FORM.exec(token) ?? [];
    if (number === undefined) return undefined;
    const run = { task_id, attempt: Number(number) };
    return timingSafeEqual(Buffer.from(code), Buffer.from(this.codeOf(run))) ? run : undefined;
  }

  private codeOf({ task_id, attempt }: RunName): string {
    return createHmac('sha256', this.secret).update(`${task_id}.${attempt}`).digest('base64url');
  }
}
