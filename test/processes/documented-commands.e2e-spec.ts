import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { inherited, outcome, temporaryFolder } from '../support/command-line.js';
import { handWritten, MarkdownFile } from '../support/documents.js';
import { until } from '../support/processes.js';
import { ServerProcess } from '../support/server.js';
import { FLAGS } from '../support/setup.js';

/** Need a cluster, a registry, a server or a program of their own. The tests of the chart read what Helm and kubectl get. */
const ELSEWHERE = 'helm kubectl docker npm pg_dump psql pg_restore claude'.split(' ');

/** Pages whose commands other tests run: in an installed package, and for each client. */
const OTHER_TESTS = ['docs/extending.md', 'docs/clients/'];

/** What the pages ask their reader to save. */
const FILES: Readonly<Record<string, string | undefined>> = {
  'my-workflows/word-count.yaml': new MarkdownFile('docs/workflows.md').snippets('yaml')[0]?.text,
  'my-services/greeter.yaml': new MarkdownFile('docs/services.md').snippets('yaml')[0]?.text,
  'my-services/greeter/server.mjs': new MarkdownFile('docs/services.md').snippets('js')[0]?.text,
};

/** What the commands of a page print, where that shows more than their success. */
const PRINTED: Readonly<Record<string, RegExp>> = {
  'docs/command-line.md': /"fire"[^]*\n\d+\n/,
  'docs/console.md': /"raw_key":"sk-/,
  'docs/deploy.md': /"serverInfo"/,
  'docs/operate.md': /laptop/,
  'docs/operations.md': /laptop[^]*image-lab/,
  'docs/services.md': /running[^]*\{"greeting":"Good morning, Ada\."\}/,
  'docs/troubleshooting.md': /"serverInfo"/,
  'docs/workflows.md': /\n3\n[^]*"task_id"[^]*completed/,
};

/** The blocks of a page that stop the servers first. */
const MOVE = /\bcyberun-mcp (?:export|import) /;
const commandsOf = (page: MarkdownFile): string[] => [
  ...page.snippets('sh').map((snippet) => snippet.text),
  ...page.snippets('console').map((snippet) => snippet.text.replaceAll(/^[^$].*\n|^\$ /gm, '')),
];
const moving = commandsOf(new MarkdownFile('docs/operations.md')).filter((block) => MOVE.test(block));
const PAGES = handWritten()
  .map((page) => ({ path: page.path, blocks: commandsOf(page).filter((block) => !MOVE.test(block)) }))
  .filter(({ path, blocks }) => blocks.length > 0 && !OTHER_TESTS.some((other) => path.startsWith(other)));

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: ServerProcess;
let callback: Server;
const progress: string[] = [];
/** What the pages name in place of what their reader has. */
const had = { keyId: '', adminKey: '', taskId: '' };

beforeAll(async () => {
  folder = await temporaryFolder();
  await save();
  server = await ServerProcess.start({
    CYBERUN_WORKFLOWS_DIR: join(folder.path, 'my-workflows'),
    CYBERUN_SERVICES_DIR: join(folder.path, 'my-services'),
  });
  await symlink(server.dataDir, join(folder.path, '.cyberun'));
  const environment = { CYBERUN_URL: new URL(server.endpoint).origin, CYBERUN_API_KEY: server.key };
  const run = await outcome(['run', 'mandelbrot', '--param', 'size=50', '--json'], environment);
  had.taskId = (JSON.parse(run.stdout) as { id: string }).id;
  const create = (...options: string[]) =>
    outcome(['keys', 'create', '--json', ...options], { CYBERUN_DATA_DIR: server.dataDir });
  had.keyId = (JSON.parse((await create('--name', 'lost')).stdout) as { id: string }).id;
  const admin = await create('--name', 'admin', '--permissions', 'run,invoke,admin');
  had.adminKey = (JSON.parse(admin.stdout) as { raw_key: string }).raw_key;
  callback = createServer((request, response) => {
    void text(request).then((line) => {
      progress.push(line);
      response.writeHead(204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(callback, 'listening');
  for (const name of ['greeter', 'notes'])
    await until(() => Promise.resolve(server.log.join('\n').includes(`service ${name} is running`)));
});
afterAll(async () => {
  callback.close();
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** Writes the definitions of the reader, and the programs that the commands call. */
async function save(): Promise<void> {
  for (const kind of ['workflows', 'services'])
    await cp(join(packagePaths.root, kind), join(folder.path, `my-${kind}`), { recursive: true });
  await cp(join(packagePaths.root, 'README.md'), join(folder.path, 'README.md'));
  const command = `exec "${process.execPath}" ${FLAGS.join(' ')} "${packagePaths.entry}" "$@"`;
  const programs = {
    ...Object.fromEntries(ELSEWHERE.map((name) => [name, ':'])),
    'cyberun-mcp': command,
    // Servers and agents have tests of their own; here their options are read. A reader has a terminal to agree at.
    npx: `shift; case "\${1:-serve}" in serve | agent) set -- "$@" --help ;; connect) set -- "$@" --yes ;; esac
unset CYBERUN_DATABASE_URL; ${command}`,
    curl: `case " $* " in *" --fail "*) ;; *) set -- --fail-with-body "$@" ;; esac; exec /usr/bin/curl "$@"`,
  };
  for (const [path, content = ''] of Object.entries(FILES)) await write(path, content);
  for (const [name, line] of Object.entries(programs)) await write(`bin/${name}`, `#!/bin/sh\n${line}\n`);
}

async function write(path: string, content: string): Promise<void> {
  await mkdir(dirname(join(folder.path, path)), { recursive: true });
  await writeFile(join(folder.path, path), content, { mode: 0o755 });
}

/** Runs commands in the folder of their reader, one block after the other, up to the first that fails. */
async function output(blocks: readonly string[], key = server.key): Promise<string> {
  const { origin, host, port } = new URL(server.endpoint);
  const env = {
    ...inherited(),
    PATH: [join(folder.path, 'bin'), process.env['PATH']].join(delimiter),
    HOME: folder.path,
    CYBERUN_URL: origin,
    CYBERUN_HTTP_PORT: port,
    CYBERUN_API_KEY: key,
  };
  const progressUrl = `http://127.0.0.1:${(callback.address() as AddressInfo).port}`;
  // Not exported, so that no command uses them.
  const variables = ['CYBERUN_DATABASE_URL=unused', `CYBERUN_PROGRESS_URL=${progressUrl}`];
  // For `login`, which reads the key.
  const input = join(folder.path, 'key.txt');
  await writeFile(input, `${key}\n`);
  const script = ['set -eu', `exec <${input}`, ...variables, ...blocks]
    .join('\n')
    .replaceAll('127.0.0.1:8080', host)
    .replaceAll('TASK_ID', had.taskId)
    .replaceAll(/\bID\b/g, had.keyId);
  const { stdout } = await promisify(execFile)('/bin/sh', ['-c', script], { cwd: folder.path, env });
  return stdout;
}

it.each(PAGES)('the shell commands of $path succeed', async ({ path, blocks }) => {
  const key = path === 'docs/console.md' ? had.adminKey : server.key;
  expect(await output(blocks, key)).toMatch(PRINTED[path] ?? /^/);
});

it('the command with which a container of docs/kubernetes.md reports its progress sends one line', () => {
  expect(progress).toEqual([expect.stringMatching(/^::progress value=/)]);
});

it('the commands that move a runtime to another database succeed once its server has ended', async () => {
  expect(moving).toHaveLength(1);
  await server.end();
  expect(await output(moving)).toMatch(/workflow/);
});
