import { once } from 'node:events';
import { chmod } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';

import { auditedIds, AuditLog, auditOutcomeOf } from '../../audit/index.js';
import { CONFIG, type Config, StartError } from '../../config/index.js';
import { makeSocketPath, removeSocketPath } from './socket-path.js';
import { type NewKey, StoredKeys } from './stored-keys.js';

/** Answers the JSON of a command; GET has none. */
type AdminHandler = (body: unknown) => Promise<object>;

interface Answer {
  readonly status: number;
  readonly body: object;
}

/**
 * Serves the commands keys and teams, and those of other areas, while this process uses the data folder. Access to the
 * socket authorises the caller.
 */
@Injectable()
export class AdminServer implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('Admin');
  private readonly handlers = new Map<string, AdminHandler>();
  private readonly server: Server = createServer((request, response) => void this.serve(request, response));

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly keys: StoredKeys,
    private readonly audit: AuditLog,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    try {
      const path = await makeSocketPath(this.config.dataDir);
      this.server.listen(path);
      await once(this.server, 'listening');
      await chmod(path, 0o600);
      this.server.unref();
    } catch (error) {
      this.logger.warn(
        { error },
        'no admin socket: keys and definitions can be managed by commands only while the server is stopped',
      );
    }
  }

  /** Adds a command; its errors are answered as those of the others. */
  handle(method: string, path: string, handler: AdminHandler): void {
    this.handlers.set(`${method} ${path}`, handler);
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await removeSocketPath(this.config.dataDir);
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = performance.now();
    const answer = await this.answer(request).catch((error: unknown) => this.failure(error));
    this.auditChange(request, answer, performance.now() - startedAt);
    const { status, body } = answer;
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://admin.sock');
    const handler = this.handlers.get(`${request.method} ${pathname}`);
    if (handler) {
      const body = request.method === 'GET' ? undefined : await json(request);
      return { status: 200, body: await handler(body) };
    }
    const [, root, id] = pathname.split('/');
    if (root === 'teams' && id === undefined) return this.answerTeams(request);
    if (root !== 'keys') return NOT_FOUND;
    if (request.method === 'GET')
      return { status: 200, body: await this.keys.list(searchParams.get('team') ?? undefined) };
    if (request.method === 'POST')
      return { status: 201, body: await this.keys.create((await json(request)) as NewKey) };
    if (request.method !== 'DELETE' || id === undefined) return NOT_FOUND;
    return (await this.keys.revoke(id)) ? { status: 200, body: {} } : NOT_FOUND;
  }

  /** Who may use the socket is the user of the server. */
  private auditChange(
    { method = '', url = '/' }: IncomingMessage,
    answer: Answer,
    duration_ms: number,
  ): void {
    if (!this.audit.isOn || method === 'GET') return;
    const { status, body } = answer;
    const outcome = auditOutcomeOf(status);
    const [, root = '', id] = url.split(/[/?]/);
    this.audit.record({
      audit: 'admin_call',
      outcome,
      route: `${method} /${root}${id === undefined ? '' : '/:id'}`,
      status,
      ids: auditedIds({ id, ...(outcome === 'ok' && body) }),
      duration_ms,
    });
  }

  private async answerTeams(request: IncomingMessage): Promise<Answer> {
    if (request.method === 'GET') return { status: 200, body: await this.keys.teams() };
    if (request.method !== 'POST') return NOT_FOUND;
    await this.keys.createTeam(((await json(request)) as { name: string }).name);
    return { status: 201, body: {} };
  }

  private failure(error: unknown): Answer {
    if (error instanceof StartError) return { status: 400, body: { error_message: error.message } };
    this.logger.error({ error }, 'an admin command failed');
    return { status: 500, body: { error_message: 'The server failed; its log says why.' } };
  }
}

const NOT_FOUND: Answer = { status: 404, body: { error_message: 'resource not found' } };
