import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { goSdkServer } from './go-sdk.mjs';
import { call, callIn, ERAS, KEY, openSession, SESSIONS, STATELESS } from './protocol.mjs';
import { serverScript, ServerProcess } from './server-process.mjs';

export const ROOT = join(import.meta.dirname, '..');
export const ENTRY = join(ROOT, 'dist', 'main.js');
const TOOLS_FILE = join(ROOT, 'results', 'bench-tools.json');

/** Sessions the load of a 2025-era lane is spread over. */
const SESSIONS_PER_LANE = 8;

/** As many tools as the product has. */
export const FEW_TOOLS = 15;

/** What is measured beside the product, and the eras each can be asked in. */
const NODE_PEERS = { stock: ERAS, sdk: ERAS, fastmcp: [SESSIONS] };
const peers = () => ({ ...NODE_PEERS, ...(goSdkServer() && { goSdk: ERAS }) });
export const LABELS = {
  floor: 'bare node:http',
  stock: 'mcp-nest 2.0.5, stock',
  sdk: 'MCP SDK 2.4.0',
  goSdk: 'MCP Go SDK 1.8.0',
  fastmcp: 'fastmcp 4.20.16',
  ours: 'cyberun-mcp',
};

/** As the image has them. */
const [, NODE_OPTIONS] = /NODE_OPTIONS="(.+)"/.exec(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'));

/** As V8 understands them in a container that may have so much memory. */
const nodeOptionsIn = (mebibytes) =>
  NODE_OPTIONS.replace(
    /--max-old-space-size-percentage=(\d+)/,
    (_option, percentage) => `--max-old-space-size=${Math.floor((mebibytes * percentage) / 100)}`,
  );

const productEnv = (runtimeUrl) => ({
  NODE_OPTIONS,
  CYBERUN_HTTP_PORT: '0',
  CYBERUN_LOGGER_FORMAT: 'json',
  CYBERUN_LOGGER_LEVEL: 'warn',
  CYBERUN_RUNTIME_URL: runtimeUrl,
  // Everything is asked with one key.
  CYBERUN_MCP_SESSIONS_PER_KEY: '1000000',
});

/** The product as an operator starts it, in role mcp in front of a Runtime API. */
export const startProduct = (runtimeUrl, { place = 'server', podMebibytes, env = {} } = {}) =>
  ServerProcess.start({
    script: ENTRY,
    args: ['serve', '--role', 'mcp'],
    env: {
      ...productEnv(runtimeUrl),
      ...(podMebibytes !== undefined && { NODE_OPTIONS: nodeOptionsIn(podMebibytes) }),
      ...env,
    },
    place,
  });

/** The product in role all, with the embedded runtime in this folder. */
export const startAll = (dataDir, env = {}) =>
  startEmbedded('all', {
    CYBERUN_HTTP_PORT: '0',
    CYBERUN_LOGGER_FORMAT: 'json',
    CYBERUN_DATA_DIR: dataDir,
    CYBERUN_BOOTSTRAP_KEY: KEY,
    ...env,
  });

/** The product in a role with the embedded runtime, with these settings, on all cores. */
export const startEmbedded = (role, env) =>
  ServerProcess.start({ script: ENTRY, args: ['serve', '--role', role], place: 'any', env });

/** Writes down what the product lists, so that every peer can be given the same tools. */
export async function recordTools(runtimeUrl) {
  await using product = disposable(await startProduct(runtimeUrl));
  const { tools } = await call(product.server.endpoint, STATELESS, { method: 'tools/list' });
  mkdirSync(dirname(TOOLS_FILE), { recursive: true });
  writeFileSync(TOOLS_FILE, JSON.stringify(tools));
  return tools.length;
}

/** Every server, each with `echo` and as many other tools. */
export async function startPeers(runtimeUrl, count) {
  const env = { BENCH_TOOLS: TOOLS_FILE, BENCH_TOOL_COUNT: String(count), BENCH_KEY: KEY };
  const servers = { floor: await ServerProcess.start({ script: serverScript('floor'), env }) };
  for (const kind of Object.keys(NODE_PEERS)) {
    servers[kind] = await ServerProcess.start({ script: serverScript(kind), env });
  }
  const program = goSdkServer();
  if (program) servers.goSdk = await ServerProcess.start({ program, env });
  servers.ours = await ServerProcess.start({
    script: serverScript('ours'),
    env: { ...productEnv(runtimeUrl), ...env },
  });
  return servers;
}

/** A lane for every server and every era it speaks. `bare` is the path at which the floor has the same answer. */
export async function lanesOf(servers, { bare, suffix = '', ...what }) {
  const endpoint = new URL(bare, servers.floor.endpoint).href;
  const lanes = [
    {
      name: `floor${suffix}`,
      kind: 'floor',
      server: servers.floor,
      url: endpoint,
      isBare: true,
      calls: [callIn(STATELESS, what)],
    },
  ];
  for (const [kind, eras] of Object.entries({ ...peers(), ours: ERAS })) {
    for (const era of eras) lanes.push(await laneOf(servers[kind], { kind, era, suffix, ...what }));
  }
  return lanes;
}

/** A lane for one server in one era. */
export async function laneOf(server, { kind, era, suffix = '', ...what }) {
  const sessions =
    era === SESSIONS
      ? await Promise.all(Array.from({ length: SESSIONS_PER_LANE }, () => openSession(server.endpoint)))
      : [undefined];
  const calls = sessions.map((session) => callIn(era, { ...what, session }));
  return { name: laneName(kind, era, suffix), kind, era, server, calls };
}

export const laneName = (kind, era, suffix = '') => `${kind} ${era}${suffix}`;

export const stopAll = (servers) => Promise.all(Object.values(servers).map((server) => server.stop()));

/** A server that ends with the block it was declared in. */
export const disposable = (server) => ({ server, [Symbol.asyncDispose]: () => server.stop() });
