import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const ENTRY = join(import.meta.dirname, '..', '..', 'dist', 'main.js');

/** The built server; resolves when it is ready. */
export async function startServer(environment, role = 'all') {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [ENTRY, 'serve', '--role', role], {
    env: { PATH, HOME, CYBERUN_HTTP_PORT: '0', CYBERUN_LOGGER_FORMAT: 'json', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const log = [];
  const { promise, resolve, reject } = Promise.withResolvers();
  const addresses = {};
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { message, context, endpoint, ...fields } = recordIn(line);
    log.push({ message, context, ...fields });
    if (context === 'Metrics' && message === 'served') addresses.metrics = endpoint;
    if (message === 'ready') resolve({ ...addresses, endpoint });
  });
  child.once('exit', (code) => reject(new Error(`The server has ended with ${code}.`)));
  const { endpoint, metrics } = await promise;
  return {
    endpoint,
    log,
    metricsUrl: metrics,
    metrics: async () => await (await fetch(metrics)).text(),
    end: async () => {
      if (child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
    },
  };
}

/** A line of the log; the fields of a message that is an object are beside the others. */
function recordIn(line) {
  try {
    const { message, ...fields } = JSON.parse(line);
    return typeof message === 'object' ? { ...fields, ...message } : { ...fields, message };
  } catch {
    return { message: line };
  }
}
