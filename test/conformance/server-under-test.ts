import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import type { NestExpressApplication } from '@nestjs/platform-express';

import { createApplication } from '../../src/application.js';
import { Addresses, readConfig } from '../../src/config/index.js';
import { MockRuntime, type SeenRequest } from '../support/mock-runtime.js';
import { pageMeta, TASK_ID, taskSample, workflowSample } from '../support/runtime-samples.js';
import { FixturesModule } from './fixtures/fixtures.module.js';
import type { Subject } from './subjects.js';

/** The one key that the Runtime API behind the server knows. */
export const KEY = 'sk-conformance-0123456789abcdef';

/**
 * The endpoint as it ships, or with the fixtures of the official suite beside its tools. Announcing log messages sends
 * every call through the SDK; without them the same calls are answered by hand.
 */
export class ServerUnderTest implements AsyncDisposable {
  private constructor(
    private readonly app: NestExpressApplication,
    private readonly runtime: MockRuntime,
  ) {}

  static async start(subject: Subject): Promise<ServerUnderTest> {
    const runtime = await MockRuntime.start();
    runtime.on('GET /r/workflows', answerToKey);
    runtime.on('GET /r/tasks/:id', ({ path }, response) => {
      const isKnown = path.endsWith(TASK_ID);
      response.writeHead(isKnown ? 200 : 404, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(isKnown ? taskSample('running') : { error_message: 'not found' }));
    });
    runtime.on('GET /r/tasks', { json: { task_list: [taskSample('running')], page_meta: pageMeta(1) } });
    const config = readConfig('mcp', { CYBERUN_RUNTIME_URL: runtime.url, CYBERUN_LOGGER_LEVEL: 'warn' });
    const fixtures =
      subject === 'product' ? [] : [FixturesModule.with({ hasLogging: subject === 'fixtures' })];
    const app = await createApplication(config, { modules: fixtures, mount: 'front' });
    await app.listen(0, '127.0.0.1');
    await app.get(Addresses).announce((app.getHttpServer().address() as AddressInfo).port);
    return new ServerUnderTest(app, runtime);
  }

  get endpoint(): string {
    return `${this.app.get(Addresses).loopback}/api/v1/mcp`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.app.close();
    await this.runtime[Symbol.asyncDispose]();
  }
}

const answerToKey = ({ headers }: SeenRequest, response: ServerResponse): void => {
  const isKnown = headers.authorization === `Bearer ${KEY}`;
  response.writeHead(isKnown ? 200 : 401, { 'Content-Type': 'application/json' });
  response.end(
    JSON.stringify(
      isKnown
        ? { workflow_list: [workflowSample], page_meta: pageMeta(1) }
        : { error_message: 'invalid integration key' },
    ),
  );
};
