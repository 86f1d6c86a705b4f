import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';

import type { ServiceReport } from '../../contract/index.js';
import { writeLine } from '../../tunnel/index.js';
import { refuseConnection } from '../services/service-connection.js';
import type { WorkerParts } from '../worker.js';

const WHY = 'the role of its agent does not allow Deployments and Services on Kubernetes';

/** Of an agent whose role does not allow services. */
export const noServices: WorkerParts['services'] = {
  serve: (stream) => refuseService(stream, WHY),
  connect: (stream) => refuseConnection(stream, WHY),
  log: (stream) => stream.respond({ ':status': 404 }, { endStream: true }),
};

/**
 * Reports that a service has failed, and holds its stream: the runtime would order again at once what ends.
 *
 * @param ended resolves when the runtime has ended it; default: the stream is read here.
 */
export async function refuseService(
  stream: ServerHttp2Stream,
  reason: string,
  ended?: Promise<void>,
): Promise<void> {
  if (!stream.headersSent) stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
  const report: ServiceReport = { state: 'failed', failure: { reason, log_lines: [] } };
  await writeLine(stream, report);
  await (ended ?? endOf(stream));
  stream.end();
  stream.close();
}

async function endOf(stream: ServerHttp2Stream): Promise<void> {
  stream.resume();
  if (!stream.destroyed) await once(stream, 'end').catch(() => undefined);
}
