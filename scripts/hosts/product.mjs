// A cyberun-mcp of its own for one run: built from the sources, with the workflows of the script and empty data.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';

import { buildIfStale } from '../build-if-stale.mjs';

const root = join(import.meta.dirname, '../..');
const WORKFLOWS = [
  ...['fail', 'square', 'sleep', 'copy-file'].map((name) => `test/fixtures/workflows/${name}.yaml`),
  'workflows/mandelbrot.yaml',
];
const START_LIMIT_MS = 120_000;

/** Starts the server; resolves when its agent and its service are there. */
export async function startProduct(folder) {
  buildIfStale();
  const workflows = join(folder, 'workflows');
  mkdirSync(workflows, { recursive: true });
  for (const file of WORKFLOWS) copyFileSync(join(root, file), join(workflows, basename(file)));
  const child = spawn(process.execPath, [join(root, 'dist/main.js'), 'serve'], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      CYBERUN_DATA_DIR: join(folder, 'data'),
      CYBERUN_HTTP_PORT: '0',
      CYBERUN_LOGGER_FORMAT: 'text',
      CYBERUN_MCP_TOOLSETS: 'files,logs',
      CYBERUN_SERVICES_DIR: join(root, 'services'),
      CYBERUN_WORKFLOWS_DIR: workflows,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = async () => {
    const exited = once(child, 'exit');
    if (child.exitCode === null && child.kill('SIGTERM')) await exited;
  };
  try {
    return { ...(await addressOf(child)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function addressOf(child) {
  return new Promise((resolve, reject) => {
    const seen = {};
    const output = [];
    const limit = setTimeout(
      () => reject(new Error(`no start in time:\n${output.join('\n')}`)),
      START_LIMIT_MS,
    );
    child.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${output.join('\n')}`)));
    const read = (line) => {
      output.push(line);
      seen.endpoint ??= /Endpoint\s+(http\S+)/.exec(line)?.[1];
      seen.key ??= /Key\s+(sk-\S+)/.exec(line)?.[1];
      seen.agent ||= / has connected /.test(line);
      seen.service ||= /service notes is running/.test(line);
      if (!seen.endpoint || !seen.key || !seen.agent || !seen.service) return;
      clearTimeout(limit);
      resolve({ endpoint: seen.endpoint, key: seen.key });
    };
    for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', read);
  });
}
