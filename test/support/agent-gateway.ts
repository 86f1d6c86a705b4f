import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type WebSocket, WebSocketServer } from 'ws';

import { runAgent, runOnce } from '../../src/agent/index.js';
import type { RunOrder, RunReport } from '../../src/contract/index.js';
import { http2ClientOver, readLines, writeLine } from '../../src/tunnel/index.js';
import { shell } from './executed-run.js';

interface Connection {
  readonly session: ClientHttp2Session;
  readonly webSocket: WebSocket;
}

/** A gateway as small as can be, and an agent that works for it. */
export class Gateway implements AsyncDisposable {
  readonly keys: (string | undefined)[] = [];
  readonly drain = new AbortController();
  private readonly end = new AbortController();
  private readonly connections: Connection[] = [];
  private awaited = Promise.withResolvers<void>();

  private constructor(
    private readonly server: WebSocketServer,
    readonly workDir: string,
  ) {
    server.on('connection', (webSocket, request) => {
      this.keys.push(request.headers.authorization);
      void http2ClientOver(webSocket).then((session) => {
        this.connections.push({ session, webSocket });
        this.awaited.resolve();
      });
    });
  }

  agent: Promise<number | void> = Promise.resolve();

  /**
   * @param workDir that of an earlier agent.
   * @param only the run that the agent is started for.
   */
  static async withAgent(
    workDir = mkdtempSync(join(tmpdir(), 'agent-')),
    only?: { task_id: string; attempt: number },
  ): Promise<Gateway> {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
    await once(server, 'listening');
    const gateway = new Gateway(server, workDir);
    const options = {
      gateways: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
      key: 'ak-key',
      agentId: 'a1',
      labels: ['local'],
      slots: 2,
      workDir: gateway.workDir,
      drainSeconds: 600,
      drain: gateway.drain.signal,
      signal: gateway.end.signal,
    };
    gateway.agent = only ? runOnce(only, options) : runAgent(options);
    return gateway;
  }

  async connected(): Promise<Connection> {
    await this.awaited.promise;
    this.awaited = Promise.withResolvers();
    const latest = this.connections.at(-1);
    if (!latest) throw new Error('no connection');
    return latest;
  }

  /** As a second SIGTERM does. */
  async stopAgent(): Promise<void> {
    this.end.abort();
    await this.agent.catch(() => undefined);
  }

  left(folder: string): string[] {
    return readdirSync(join(this.workDir, folder)).filter((name) => !name.startsWith('agent-'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgent();
    this.server.close();
    rmSync(this.workDir, { recursive: true, force: true });
  }
}

/** Opens a request to the agent. */
export function post(session: ClientHttp2Session, path: string): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': path });
  stream.on('error', () => undefined);
  return stream;
}

/** Orders a run of one command. */
export async function order(
  session: ClientHttp2Session,
  command: string,
  more: Partial<RunOrder> = {},
  terms: { hold_seconds?: number; log_bytes?: number } = {},
) {
  const stream = post(session, '/runs');
  await writeLine(stream, {
    type: 'order',
    order: {
      task_id: 't',
      attempt: 1,
      steps: [shell(command)],
      parameters: {},
      files: [],
      timeout_seconds: 0,
      ...more,
    },
    ...terms,
  });
  return { stream, reports: readLines(stream) as AsyncGenerator<RunReport> };
}

/** Attaches to the run of the agent. */
export function attach(session: ClientHttp2Session, attempt: number, log_bytes?: number) {
  const stream = post(session, '/runs');
  void writeLine(stream, { type: 'attach', task_id: 't', attempt, hold_seconds: 60, log_bytes });
  return { stream, reports: readLines(stream) as AsyncGenerator<RunReport> };
}

/** The next report of a run. */
export const next = async ({ reports }: { readonly reports: AsyncGenerator<RunReport> }): Promise<unknown> =>
  (await reports.next()).value;
