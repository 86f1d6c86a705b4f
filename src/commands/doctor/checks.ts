import { setTimeout as delay } from 'node:timers/promises';

import { Addresses, type Config } from '../../config/index.js';
import { askRunningServer, inspectDataDir, type RunningServer } from '../../runtime/index.js';
import {
  checkAudit,
  checkConfinement,
  checkContainers,
  checkDefinitions,
  checkOAuthFile,
} from './agent-checks.js';
import { checkObjectStore, checkRedis, checkRuntimeApi } from './connection-checks.js';
import {
  checkDatabaseServer,
  checkDataFolder,
  checkEmbeddedDatabase,
  checkServer,
  lookAtServer,
} from './data-checks.js';
import type { Check } from './finding.js';
import { checkDisk, clockFinding, type SeenClock } from './machine-checks.js';
import { checkPorts } from './port-checks.js';
import { checkOwnAddress, checkPublicUrl } from './public-url-check.js';
import { type SeenServer, serverAt } from './server-at.js';

/** Time for the running server to say what it is. */
const ASK_MS = 8000;
/** How long the check of the clock waits for what the others learn. */
const CLOCK_MS = 15_000;
/** For what needs the processor, and no answer of others. */
const WORK_MS = 120_000;

/** What several checks need, asked once. */
interface Looks {
  readonly config: Config;
  /** The server that uses the data folder; role mcp has none. */
  readonly running: Promise<RunningServer | undefined>;
  readonly atPublicUrl: Promise<SeenServer> | undefined;
  readonly database: ReturnType<typeof lookAtServer> | undefined;
}

/** Everything that a server with these settings needs, in the order in which it is shown. */
export function checksOf(config: Config): Check[] {
  const { role, databaseUrl, httpPublicUrl, dataDir } = config;
  const hasRuntime = role !== 'mcp';
  const looks: Looks = {
    config,
    running: hasRuntime ? settled(askRunningServer(dataDir), ASK_MS) : Promise.resolve(undefined),
    atPublicUrl: httpPublicUrl === undefined ? undefined : serverAt(withoutSlash(httpPublicUrl)),
    database: hasRuntime && databaseUrl !== undefined ? lookAtServer(databaseUrl) : undefined,
  };
  // Its check reports the error; the clock is compared without it.
  looks.database?.catch(() => undefined);
  return [
    ...(hasRuntime ? runtimeChecks(looks) : []),
    { name: 'port', look: async () => checkPorts(config, await looks.running) },
    ...connectionChecks(looks),
    { name: 'clock', look: async () => clockFinding(await clocksSeen(looks)) },
    ...(role === 'all' ? agentChecks(config) : []),
  ];
}

function runtimeChecks({ config, running, database }: Looks): Check[] {
  return [
    { name: 'server', look: async () => checkServer(config, await running) },
    { name: 'data folder', look: async () => checkDataFolder(config, await running) },
    {
      name: 'disk',
      look: async () => {
        const facts = await inspectDataDir(config.dataDir).catch(() => undefined);
        return facts ? checkDisk(facts.nearest) : [];
      },
    },
    {
      name: 'database',
      ...(!database && { limitMs: WORK_MS }),
      look: async () =>
        database ? checkDatabaseServer(database) : checkEmbeddedDatabase(config, await running),
    },
    { name: 'object store', look: () => checkObjectStore(config) },
    { name: 'definitions', limitMs: WORK_MS, look: () => checkDefinitions(config) },
  ];
}

function connectionChecks({ config, running, atPublicUrl }: Looks): Check[] {
  const { role, redisUrl, runtimeUrl, httpPublicUrl, oauthFile, audit } = config;
  const checks: Check[] = [];
  if (runtimeUrl !== undefined) checks.push({ name: 'runtime API', look: () => checkRuntimeApi(runtimeUrl) });
  if (redisUrl !== undefined && role !== 'runtime')
    checks.push({ name: 'redis', look: () => checkRedis(redisUrl) });
  if (oauthFile !== undefined && role !== 'runtime')
    checks.push({ name: 'oauth', look: () => checkOAuthFile(oauthFile) });
  if (audit !== 'off' && audit !== 'stdout') checks.push({ name: 'audit', look: () => checkAudit(audit) });
  checks.push({
    name: 'public URL',
    look: async () => {
      if (!atPublicUrl || httpPublicUrl === undefined) return checkOwnAddress(config);
      const isRunning = (await running) !== undefined || (await answersHere(config));
      return checkPublicUrl(withoutSlash(httpPublicUrl), isRunning, await atPublicUrl);
    },
  });
  return checks;
}

const agentChecks = (config: Config): Check[] => [
  { name: 'containers', look: () => checkContainers(config) },
  { name: 'confinement', look: () => checkConfinement(config) },
];

/** Role mcp has no data folder by which its server could be asked. */
async function answersHere(config: Config): Promise<boolean> {
  if (config.role !== 'mcp' || config.httpPort === 0) return false;
  return (await serverAt(new Addresses(config).loopback)).kind === 'ours';
}

async function clocksSeen({ database, atPublicUrl }: Looks): Promise<SeenClock[]> {
  const [seen, server] = await Promise.all([settled(database, CLOCK_MS), settled(atPublicUrl, CLOCK_MS)]);
  const clocks: SeenClock[] = [];
  if (seen?.facts) clocks.push({ of: 'the database', aheadMs: seen.facts.clockAheadMs });
  if (server?.kind === 'ours' && server.aheadMs !== undefined)
    clocks.push({ of: 'the public URL', aheadMs: server.aheadMs });
  return clocks;
}

/** The result of something that may fail or never end. */
async function settled<Result>(work: Promise<Result> | undefined, ms: number): Promise<Result | undefined> {
  const limit = new AbortController();
  const late = delay(ms, undefined, { signal: limit.signal }).catch(() => undefined);
  const done = work?.catch(() => undefined);
  const result = await Promise.race([done, late]);
  limit.abort();
  return result;
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, '');
