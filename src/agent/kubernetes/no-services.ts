import { once } from 'node:events';
import type { ServerHttp2Stream } from 'node:http2';

import type { ServiceReport } from '../../contract/index.js';
import { writeLine } from '../../tunnel/index.js';
import { refuseConnection } from '../services/service-connection.js';
import type { WorkerParts } from '../worker.js';

const WHY =
  'an agent with --executor kubernetes hosts no services; give the service a label of another agent';

/** Refuses services, in words. */
export const noServices: WorkerParts['services'] = {
  async serve(stream: ServerHttp2Stream): Promise<void> {
    stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
    const report: ServiceReport = { state: 'failed', failure: { reason: WHY, log_lines: [] } };
    await writeLine(stream, report);
    stream.resume();
    // The runtime would order again at once what ends.
    if (!stream.destroyed) await once(stream, 'end').catch(() => undefined);
    stream.end();
    stream.close();
  },
  connect: (stream) => refuseConnection(stream, WHY),
  log: (stream) => stream.respond({ ':status': 404 }, { endStream: true }),
};
