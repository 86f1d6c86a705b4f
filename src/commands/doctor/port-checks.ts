import { once } from 'node:events';
import { createServer } from 'node:net';
import { resolve } from 'node:path';

import { Addresses, bareHost, type Config } from '../../config/index.js';
import type { RunningServer } from '../../runtime/index.js';
import { listenFailure } from '../listen-failure.js';
import { type Finding, broken, passed } from './finding.js';
import { ownerOfPort } from './port-owner.js';
import { isProbeOfOurs, serverAt } from './server-at.js';

/** A port that a server would open. */
interface WantedPort {
  readonly setting: string;
  readonly port: number | undefined;
}

/** Whether the ports are free, or opened by the server that these settings belong to. */
export async function checkPorts(config: Config, running: RunningServer | undefined): Promise<Finding[]> {
  const wanted: WantedPort[] = [
    { setting: 'CYBERUN_HTTP_PORT', port: config.httpPort },
    { setting: 'CYBERUN_METRICS_PORT', port: config.metricsPort },
    { setting: 'CYBERUN_HEALTH_PORT', port: config.healthPort },
  ];
  return Promise.all(
    wanted.flatMap(({ setting, port }) =>
      port === undefined ? [] : checkPort({ setting, port }, config, running),
    ),
  );
}

async function checkPort(
  { setting, port }: { readonly setting: string; readonly port: number },
  config: Config,
  running: RunningServer | undefined,
): Promise<Finding> {
  if (port === 0) return passed('port', `${setting} is 0: a server picks a free port.`);
  const place = `Port ${port} on ${config.httpHost}`;
  const problem = await listenProblem(bareHost(config.httpHost), port);
  if (problem === undefined) return passed('port', `${place} is free.`);
  if (problem.code !== 'EADDRINUSE') {
    const [seen, remedy] = listenFailure(problem, setting) ?? [
      `${place} cannot be opened (${problem.message}).`,
      `Choose another one with ${setting}.`,
    ];
    return broken('port', seen, remedy);
  }
  if (running && [running.http_port, ...running.other_ports].includes(port))
    return passed('port', `${place} is used by the running server (process ${running.process_id}).`);
  return takenPort({ setting, port, place }, config);
}

/** Opens the port for a moment, as a start does. */
async function listenProblem(host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  } finally {
    server.close();
  }
}

async function takenPort(
  { setting, port, place }: { readonly setting: string; readonly port: number; readonly place: string },
  config: Config,
): Promise<Finding> {
  const owner = await ownerOfPort(port);
  const by = owner ? `process ${owner.processId} (${owner.program})` : 'another process';
  const other = `or choose another port with ${setting} (0 picks a free one).`;
  const isHttp = setting === 'CYBERUN_HTTP_PORT';
  const origin = new Addresses({ ...config, httpPort: port }).loopback;
  const isOurs = isHttp ? (await serverAt(origin)).kind === 'ours' : await isProbeOfOurs(origin, setting);
  if (!isOurs) return broken('port', `${place} is taken by ${by}.`, `Stop it, ${other}`);
  // Role mcp has no data folder by which it could be told from another server.
  if (config.role === 'mcp')
    return passed('port', `${place} is used by a running server of cyberun-mcp: ${by}.`);
  return broken(
    'port',
    `${place} is taken by another server of cyberun-mcp, ${by}, which does not use the data folder ${resolve(config.dataDir)}.`,
    `Set CYBERUN_DATA_DIR to its data folder if that server is meant; else stop it, ${other}`,
  );
}
