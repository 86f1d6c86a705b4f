import { setTimeout as delay } from 'node:timers/promises';

import type { CLIENTS, StoryClient, ToolResult } from '../../support/clients.js';
import { KEY } from './cluster.js';
import type { Ledger, Told } from './ledger.js';

const ANSWER_LIMIT_MS = 8000;
const PAUSE_MS = 100;
const READS_A_ROUND = 5;
const TASK_MS = 200;
/** How long a client tries again what only reads, before it is a failure of the test. */
const TIMEOUT_MS = 25_000;

type Connecting = (typeof CLIENTS)[number];

/** One client that reads, runs and follows, one thing after the other, until it is stopped. */
export class Worker {
  private client: StoryClient | undefined;
  private isStopped = false;

  constructor(
    private readonly kind: Connecting,
    private readonly endpoint: string,
    private readonly ledger: Ledger,
  ) {}

  async work(): Promise<void> {
    while (!this.isStopped) {
      for (let turn = 0; turn < READS_A_ROUND && !this.isStopped; turn += 1) {
        await this.repeat('read', (client) => client.call(turn % 2 ? 'list_tasks' : 'list_workflows', {}));
        await delay(PAUSE_MS);
      }
      if (this.isStopped) break;
      const taskId = await this.run();
      if (taskId !== undefined) await this.follow(taskId);
    }
    await this.client?.[Symbol.asyncDispose]();
  }

  stop(): void {
    this.isStopped = true;
  }

  /** Submits one run, once; its task id, if it got one. */
  async run(): Promise<string | undefined> {
    const value = this.ledger.nextValue();
    const body = { value, milliseconds: TASK_MS };
    try {
      const client = await this.connected();
      const { structuredContent } = await this.attempt('run', () =>
        client.call('run_workflow_by_slug', { workflow_slug: 'square', body }),
      );
      const taskId = String(structuredContent?.['task_id']);
      this.ledger.accepted.set(taskId, value);
      return taskId;
    } catch (error) {
      this.ledger.unanswered.push({ ...this.told('run', error), value });
      return undefined;
    }
  }

  async connected(): Promise<StoryClient> {
    this.client ??= await this.repeatedly('connect', async () => {
      const client = await this.kind.connect({ endpoint: this.endpoint, key: KEY });
      await client.listTools();
      return client;
    });
    return this.client;
  }

  private async follow(taskId: string): Promise<void> {
    const { structuredContent } = await this.repeat('follow', (client) =>
      client.call('stream_task_events', { task_id: taskId }, { onprogress: () => undefined }),
    );
    if (structuredContent?.['task_status'] !== 'completed') {
      throw new Error(`a task was followed to ${JSON.stringify(structuredContent)}`);
    }
  }

  private repeat(
    doing: Told['doing'],
    call: (client: StoryClient) => Promise<ToolResult>,
  ): Promise<ToolResult> {
    return this.repeatedly(doing, async () => call(await this.connected()));
  }

  private async repeatedly<Answer>(doing: Told['doing'], act: () => Promise<Answer>): Promise<Answer> {
    const end = Date.now() + TIMEOUT_MS;
    for (let times = 0; ; times += 1) {
      try {
        const answer = await this.attempt(doing, act);
        if (doing === 'read') this.ledger.retried(times);
        return answer;
      } catch (error) {
        if (Date.now() > end) throw error;
        await delay(PAUSE_MS);
      }
    }
  }

  private async attempt<Answer>(doing: Told['doing'], act: () => Promise<Answer>): Promise<Answer> {
    this.ledger.requests += 1;
    const late = new AbortController();
    const tooLate = delay(ANSWER_LIMIT_MS, undefined, late).then(() => {
      throw new Error(`no answer within ${ANSWER_LIMIT_MS} ms`);
    });
    try {
      const answer = await Promise.race([act(), tooLate]);
      if (isToolError(answer)) throw new Error(`tool: ${JSON.stringify(answer.content)}`);
      return answer;
    } catch (error) {
      this.failed(this.told(doing, error));
      throw error;
    } finally {
      late.abort();
      tooLate.catch(() => undefined);
    }
  }

  private told(doing: Told['doing'], error: unknown): Told {
    const { message, cause } = error as Error;
    const { revision } = this.kind;
    return { revision, doing, message: cause instanceof Error ? `${message}: ${cause.message}` : message };
  }

  private failed(told: Told): void {
    this.ledger.errors.push(told);
    if (!told.message.includes('Session not found')) return;
    this.ledger.sessionsLost += 1;
    this.client = undefined;
  }
}

const isToolError = (answer: unknown): answer is ToolResult =>
  typeof answer === 'object' && answer !== null && Reflect.get(answer, 'isError') === true;
