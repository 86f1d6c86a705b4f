import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { PGlite } from '@electric-sql/pglite';
import { Client } from 'pg';

import { ENTRY, startEmbedded } from './peers.mjs';
import { KEY } from './protocol.mjs';

/** A workflow of one step; its labels choose the agents. */
export const workflowOf = (slug, labels, command = 'true') => `document:
  dsl: '1.0.0'
  namespace: bench
  name: ${slug}
  version: '1.0.0'
  title: ${slug}
  summary: Ends at once.
  metadata:
    labels: [${labels}]
do:
  - end:
      run:
        shell:
          command: '${command}'
`;

/** The embedded runtime on a folder of its own; removed with the block it was declared in. */
export class Installation {
  #env;

  /** @param url of an empty database of PostgreSQL; without one the runtime uses PGlite. */
  static async make(workflows, url, env = {}) {
    const folder = await mkdtemp(join(tmpdir(), 'cyberun-bench-'));
    await mkdir(join(folder, 'workflows'));
    await mkdir(join(folder, 'services'));
    for (const [slug, text] of Object.entries(workflows))
      await writeFile(join(folder, 'workflows', `${slug}.yaml`), text);
    return new Installation(folder, url, env);
  }

  constructor(folder, url, env) {
    this.folder = folder;
    this.url = url;
    this.#env = {
      CYBERUN_HTTP_PORT: '0',
      CYBERUN_LOGGER_FORMAT: 'json',
      CYBERUN_LOGGER_LEVEL: 'warn',
      CYBERUN_DATA_DIR: join(folder, 'data'),
      CYBERUN_BOOTSTRAP_KEY: KEY,
      CYBERUN_WORKFLOWS_DIR: join(folder, 'workflows'),
      CYBERUN_SERVICES_DIR: join(folder, 'services'),
      ...(url === undefined ? {} : { CYBERUN_DATABASE_URL: url }),
      ...env,
    };
  }

  /** Role `runtime` has no agent of its own. */
  start(role = 'all') {
    return startEmbedded(role, this.#env);
  }

  /** A key for simulated agents, made by the command line as an operator does. */
  agentKey() {
    const { stdout, stderr } = spawnSync(process.execPath, [ENTRY, 'keys', 'create', '--kind', 'agent'], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, ...this.#env },
      encoding: 'utf8',
    });
    const [key] = /ak-[\w-]{20,}/.exec(stdout) ?? [];
    if (key === undefined) throw new Error(`no key was made: ${stdout}${stderr}`);
    return key;
  }

  /** The database itself; of PGlite only while no server runs. */
  async database() {
    if (this.url === undefined) return PGlite.create(join(this.folder, 'data', 'database'));
    const client = new Client({ connectionString: this.url });
    await client.connect();
    const query = (text, values) => client.query(text, values);
    return { query, close: () => client.end() };
  }

  [Symbol.asyncDispose]() {
    return rm(this.folder, { recursive: true, force: true });
  }
}
