// `npm run hosts -- claude|codex|gemini|opencode`: a real host with a scripted model, against a server of its own from these
// sources, which `cyberun-mcp connect` has written into its configuration. Prints what the model saw of each answer, and
// fails when it saw too little. The hosts are large, so none is a dependency and this is not part of verify: install one
// yourself and put it on PATH. Details: results/hosts/.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { HOSTS } from './hosts/hosts.mjs';
import { startProduct } from './hosts/product.mjs';
import { startProxy } from './hosts/recording-proxy.mjs';
import { report } from './hosts/report.mjs';
import { startModel } from './hosts/scripted-model.mjs';

const HOST_LIMIT_MS = 240_000;
const RESULTS = 'results/hosts';

const [name] = process.argv.slice(2);
const host = Object.hasOwn(HOSTS, name ?? '') ? HOSTS[name] : undefined;
if (!host) fail(`Say which host: npm run hosts -- ${Object.keys(HOSTS).join('|')}`);
const version = installedVersion();
mkdirSync(RESULTS, { recursive: true });
const folder = mkdtempSync(join(tmpdir(), `cyberun-${name}-`));
try {
  const outcome = await run();
  writeFileSync(`${RESULTS}/${name}.json`, `${JSON.stringify({ version, ...outcome }, null, 2)}\n`);
  process.exitCode = report([name, version].join(' '), outcome) ? 0 : 1;
  console.log(
    `Everything that was seen: ${RESULTS}/${name}.json; what the host printed: ${RESULTS}/${name}.log`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}

function installedVersion() {
  const { status, stdout } = spawnSync(host.program, ['--version'], {
    env: cleanEnv(tmpdir()),
    encoding: 'utf8',
  });
  if (status !== 0)
    fail(
      `${host.program} is not installed, or does not start. Install it in a folder of its own and put it on PATH:\n` +
        `  npm install --prefix /tmp/hosts ${host.package}\n` +
        `  PATH=$PATH:/tmp/hosts/node_modules/.bin npm run hosts -- ${name}`,
    );
  return /\d+\.\d+\.\d+/.exec(stdout)?.[0] ?? stdout.trim();
}

async function run() {
  const product = await startProduct(join(folder, 'server'));
  const proxy = await startProxy(product.endpoint);
  const model = await startModel(host.api);
  try {
    const status = await runHost({
      mcpUrl: `${proxy.url}?toolsets=files,logs`,
      key: product.key,
      modelUrl: model.url,
    });
    return { status, seen: model.seen, problems: model.problems, given: model.given, ...proxy.record };
  } finally {
    model.stop();
    proxy.stop();
    await product.stop();
  }
}

async function runHost({ mcpUrl, key, modelUrl }) {
  const home = join(folder, 'home');
  const work = join(home, 'work');
  mkdirSync(work, { recursive: true });
  host.settings(home, modelUrl);
  const ofUser = { ...cleanEnv(home), CYBERUN_API_KEY: key };
  await connect(ofUser, '--url', mcpUrl);
  const log = openSync(`${RESULTS}/${name}.log`, 'w');
  const child = spawn(host.program, host.args, {
    cwd: work,
    env: { ...ofUser, ...host.env(modelUrl) },
    stdio: ['ignore', log, log],
    timeout: HOST_LIMIT_MS,
  });
  const [code, signal] = await once(child, 'exit');
  // Some hosts have written their file meanwhile.
  await connect(ofUser, '--undo');
  return code ?? signal;
}

/** Runs our command for the host; what it shows is printed. */
async function connect(env, ...options) {
  const args = [join(import.meta.dirname, '../dist/main.js'), 'connect', host.client, ...options, '--yes'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code !== 0) throw new Error(`connect ${host.client} ${options.join(' ')} ended with ${code}`);
}

/** Without the keys and settings of the person who runs this. */
function cleanEnv(home) {
  return { PATH: process.env.PATH, HOME: home, LANG: 'C.UTF-8', NO_COLOR: '1' };
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
