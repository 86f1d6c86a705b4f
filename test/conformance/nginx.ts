import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import { freePort } from '../support/free-port.js';

const START_LIMIT_MS = 60_000;
const POLL_MS = 20;
const BINARIES = ['nginx', '/usr/sbin/nginx'];
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];

/** Where nginx listens, and the way to end it. */
export interface Proxy {
  readonly url: string;
  stop(): Promise<void>;
}

/** The nginx of this machine; ends the process with the line that installs it when there is none. */
export function installedNginx(): string {
  const found = BINARIES.find((binary) => spawnSync(binary, ['-v']).status === 0);
  if (found !== undefined) return found;
  process.stderr.write(
    'nginx is missing: it hands the key to the server, which the conformance suite cannot.\n' +
      'Install it: apt-get install -y --no-install-recommends nginx\n',
  );
  return process.exit(1);
}

/** Puts nginx in front of a server; it adds the key to every request, if it is given one. */
export async function startNginx(
  binary: string,
  { endpoint, key }: { endpoint: string; key?: string },
): Promise<Proxy> {
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-nginx-'));
  const port = await freePort();
  const { origin, pathname } = new URL(endpoint);
  const file = join(folder, 'nginx.conf');
  await writeFile(file, configuration({ folder, port, origin, ...(key !== undefined && { key }) }));
  const child = spawn(binary, ['-c', file, '-p', folder, '-e', 'stderr'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const exited = once(child, 'exit');
  await Promise.race([
    listening(port),
    exited.then(([code]) => Promise.reject(new Error(`nginx ended with ${code}`))),
  ]);
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  return { url: `http://127.0.0.1:${port}${pathname}`, stop };
}

/** As root, nginx would run its workers as a user who cannot keep bodies in a folder of ours. */
const WORKERS_MAY_WRITE = process.getuid?.() === 0 ? 'user root;' : '';

const configuration = (at: { folder: string; port: number; key?: string; origin: string }): string => `
${WORKERS_MAY_WRITE}
daemon off;
worker_processes 1;
pid ${at.folder}/nginx.pid;
events { worker_connections 512; }
http {
  access_log off;
  client_max_body_size 0;
  ${TEMPORARY.map((kind) => `${kind}_temp_path ${at.folder}/${kind};`).join('\n  ')}
  server {
    listen 127.0.0.1:${at.port};
    location / {
      proxy_pass ${at.origin};
      proxy_http_version 1.1;
      proxy_buffering off;
      proxy_read_timeout 120s;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      ${at.key === undefined ? '' : `proxy_set_header Authorization "Bearer ${at.key}";`}
    }
  }
}
`;

async function listening(port: number): Promise<void> {
  const end = Date.now() + START_LIMIT_MS;
  while (Date.now() < end) {
    const socket = connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await delay(POLL_MS);
  }
  throw new Error(`nginx does not listen on ${port}`);
}
