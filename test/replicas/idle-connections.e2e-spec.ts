import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { McpHttp, resultOf, type ToolResult } from '../support/mcp-http.js';
import { TASK_ID, WORKFLOW_ID, workflowSample } from '../support/runtime-samples.js';

const KEY = 'sk-idle-connections-0123456789';

/** A runtime that closes connections without announcing when. */
class FickleRuntime implements AsyncDisposable {
  /** Requests that arrived, answered or not. */
  readonly seen: string[] = [];
  closings = 0;
  /** What it does with a request on a connection that has had one before. */
  isLosingReused = false;
  /** How long it keeps the next idle connection. */
  idleMs: () => number = () => 60_000;
  private readonly server: Server;
  private readonly used = new WeakSet<Socket>();
  private readonly timers = new Map<Socket, NodeJS.Timeout>();

  private constructor() {
    this.server = createServer((request, response) => void this.answer(request, response));
    this.server.keepAliveTimeout = 0;
  }

  static async start(): Promise<FickleRuntime> {
    const runtime = new FickleRuntime();
    runtime.server.listen(0, '127.0.0.1');
    await once(runtime.server, 'listening');
    return runtime;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/api/v1`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { socket, method = '' } = request;
    clearTimeout(this.timers.get(socket));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.seen.push(`${method} ${Buffer.concat(chunks).toString()}`);
    if (this.isLosingReused && this.used.has(socket)) {
      socket.resetAndDestroy();
      return;
    }
    this.used.add(socket);
    const isOne = request.url?.includes(WORKFLOW_ID);
    const read = isOne ? workflowSample : { workflow_list: [] };
    const body = method === 'GET' ? read : { task_id: TASK_ID };
    // With its own header, Node does not announce how long it keeps the connection.
    response.writeHead(method === 'GET' ? 200 : 202, { Connection: 'keep-alive' });
    response.end(JSON.stringify(body), () => this.closeLater(socket));
  }

  private closeLater(socket: Socket): void {
    const close = (): void => {
      this.closings += 1;
      socket.end();
    };
    this.timers.set(socket, setTimeout(close, this.idleMs()));
  }
}

let runtime: FickleRuntime;
let app: McpApplication;
let http: McpHttp;

beforeAll(async () => {
  runtime = await FickleRuntime.start();
  app = await startMcp(runtime.url);
  http = new McpHttp({ url: app.endpoint }, KEY);
});
afterAll(async () => {
  await app[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});
afterEach(() => {
  runtime.isLosingReused = false;
  runtime.idleMs = () => 60_000;
  runtime.seen.length = 0;
});

const call = async (name: string, args: object): Promise<ToolResult> =>
  resultOf(await http.stateless('tools/call', { name, arguments: args }));
const list = (): Promise<ToolResult> => call('list_workflows', {});
const run = (mark: string): Promise<ToolResult> =>
  call('run_workflow', { workflow_id: WORKFLOW_ID, body: { parameters: { prompt: mark } } });
const runsOf = (mark: string): number => runtime.seen.filter((line) => line.includes(`"${mark}"`)).length;

it('a read succeeds although the runtime loses every request on a connection that was kept', async () => {
  await list();
  runtime.isLosingReused = true;
  const results = [];
  for (let time = 0; time < 30; time += 1) results.push(await list());
  expect(results.filter(({ isError }) => isError)).toEqual([]);
});

it('a run whose connection is lost is not repeated, and the model reads that it may have begun', async () => {
  expect((await run('first')).isError).toBeFalsy();
  runtime.isLosingReused = true;
  const lost = await run('second');
  expect(lost).toMatchObject({ isError: true });
  expect(lost.structuredContent.error_message).toContain('The connection to the runtime failed');
  expect(lost.structuredContent.error_message).not.toContain('Nothing was sent');
  expect([runsOf('first'), runsOf('second')]).toEqual([1, 1]);
});

it('no read and no run fails when connections are closed at the moment of the next call', async () => {
  const begun = Array.from({ length: 40 }, (_, index) => index);
  // Each caller's connection is closed about when it makes the next call, a little earlier or later.
  runtime.idleMs = () => 1200 + 40 * Math.random();
  const failures: unknown[] = [];
  const closings = runtime.closings;
  await Promise.all(
    begun.map(async (index) => {
      for (let time = 0; time < 3; time += 1) {
        const mark = `run-${index}-${time}`;
        const result = index % 2 === 0 ? await list() : await run(mark);
        if (result.isError) failures.push(result);
        if (index % 2 !== 0) expect(runsOf(mark)).toBe(1);
        await delay(1200 + 40 * Math.random());
      }
    }),
  );
  expect(failures).toEqual([]);
  expect(runtime.closings - closings).toBeGreaterThan(0);
});
