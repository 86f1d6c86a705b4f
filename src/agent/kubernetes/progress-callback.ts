import { hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import { progressOf } from '../runs/progress.js';
import type { RunName } from '../runs/run-stream.js';
import { jobName } from './run-job.js';

const logger = new Logger('Kubernetes');

/** The variable with the URL, in the container of a step. */
export const PROGRESS_URL = 'CYBERUN_PROGRESS_URL';
const PATH = '/progress';
/** Ports below those that systems choose for connections by themselves. */
const PORTS = { first: 20_000, count: 10_000 };
const BODY_BYTES = 16_384;
const FORM = 'Send one or more lines such as: ::progress value=0.35,step=7,total=20::resizing';

/** Known before the pod exists, so that it can be in the specification of the step's container. */
function portOf(run: RunName): number {
  return PORTS.first + (Number.parseInt(hash('sha256', jobName(run)).slice(0, 8), 16) % PORTS.count);
}

/** Where the program of a step may POST its progress, from another container of the pod of the run. */
export const progressUrl = (run: RunName): string => `http://127.0.0.1:${portOf(run)}${PATH}`;

/**
 * Takes the progress of a step beside its log, which the agent may not be allowed to read: lines in the form that a program
 * writes, by POST on the loopback address, which the containers of a pod share.
 */
export class ProgressCallback implements AsyncDisposable {
  private readonly server = createServer((request, response) => {
    this.answer(request, response).catch((error: unknown) => {
      logger.debug(`the progress of the step could not be read: ${errorText(error)}`);
      response.destroy();
    });
  });

  private constructor(private readonly report: (line: string) => void) {}

  /** Where the program of the step has taken the port, its log alone has progress. */
  static async listen(run: RunName, report: (line: string) => void): Promise<ProgressCallback> {
    const callback = new ProgressCallback(report);
    callback.server.listen(portOf(run), '127.0.0.1');
    await once(callback.server, 'listening').catch((error: unknown) =>
      logger.warn(`The step cannot report its progress to ${progressUrl(run)}: ${errorText(error)}`),
    );
    return callback;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url !== PATH) return respond(response, 404, `Progress goes to ${PATH}.`);
    if (request.method !== 'POST') return respond(response, 405, `Use POST. ${FORM}`, { Allow: 'POST' });
    const text = await textWithin(request, BODY_BYTES);
    if (text === undefined)
      return respond(response, 413, `At most ${BODY_BYTES} bytes. ${FORM}`, { Connection: 'close' });
    const lines = text.split(/\r?\n|\r/).filter((line) => line !== '');
    const wrong = lines.findIndex((line) => !progressOf(line, ''));
    if (lines.length === 0 || wrong >= 0)
      return respond(response, 400, `Line ${Math.max(wrong, 0) + 1} is no progress. ${FORM}`);
    for (const line of lines) this.report(line);
    response.writeHead(204).end();
  }
}

/** The body, unless it is larger. */
async function textWithin(request: IncomingMessage, limit: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > limit) return undefined;
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function respond(
  response: ServerResponse,
  status: number,
  sentence: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify({ error_message: sentence }));
}
