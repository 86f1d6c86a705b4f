import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { freePort } from '../support/free-port.js';
import { packagePaths, packageVersion } from '../../src/config/index.js';
import { inherited, outcome, temporaryFolder } from '../support/command-line.js';
import { ServerProcess } from '../support/server.js';

const workflow = (name: string, properties: string, code: string): string => `
document: { dsl: '1.0.0', namespace: test, name: ${name}, version: '1.0.0', metadata: { labels: [local] } }
input: { schema: { document: { type: object, additionalProperties: false, properties: ${properties} } } }
do:
  - work: { run: { script: { language: js, code: ${JSON.stringify(code)} } } }
`;

const DEFINITIONS = {
  greet: workflow(
    'greet',
    '{ name: { type: string }, count: { type: integer, default: 1 }, loud: { type: boolean }, card: { type: string, format: file } }',
    `import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
     const given = JSON.parse(readFileSync('parameters.json', 'utf8'));
     const [card] = readdirSync('input');
     console.log('::progress value=0.5,step=1,total=2::half');
     const text = card ? readFileSync('input/' + card, 'utf8') : '';
     writeFileSync('output/greeting.txt', 'hello ' + given.name);
     writeFileSync('output/result.json', JSON.stringify({ ...given, card: text }));`,
  ),
  fails: workflow('fails', '{}', `console.log('before the end'); process.exit(3);`),
  waits: workflow(
    'waits',
    '{}',
    `console.log('first line'); console.log('::progress value=0.25::a quarter'); setInterval(() => {}, 1000);`,
  ),
};

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let server: ServerProcess;
let settings: Record<string, string>;

beforeAll(async () => {
  folder = await temporaryFolder();
  const workflows = join(folder.path, 'workflows');
  await mkdir(workflows);
  for (const [name, text] of Object.entries(DEFINITIONS))
    await writeFile(join(workflows, `${name}.yaml`), text);
  server = await ServerProcess.start({ CYBERUN_WORKFLOWS_DIR: workflows });
  settings = {
    CYBERUN_URL: server.api,
    CYBERUN_API_KEY: server.key,
    XDG_CONFIG_HOME: join(folder.path, 'config'),
  };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

const cyberun = (...args: string[]) => outcome(args, settings);

/** Starts a command, and waits until its standard error holds a text. */
async function started(args: string[], awaited: string) {
  const child = spawn(process.execPath, [packagePaths.entry, ...args], {
    env: { ...inherited(), ...settings },
  });
  let text = '';
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes(awaited)) resolve();
    });
  const ended = once(child, 'exit').then(([code]) => Number(code));
  await Promise.race([promise, ended]);
  return { child, ended, text: () => text };
}

/** A module that names on standard error what Node loads after it. */
const TRACER = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module';
  registerHooks({ load: (url, context, next) => (process.stderr.write(url + '\\n'), next(url, context)) });`)}`;

it('tasks list loads none of the modules that a server needs', async () => {
  const { code, stderr } = await outcome(['tasks', 'list', '--json'], settings, ['--import', TRACER]);
  const loaded = stderr.split('\n').filter((line) => line.startsWith('file:'));
  expect(code).toBe(0);
  expect(loaded.some((url) => url.endsWith('/commands/client/tasks.command.js'))).toBe(true);
  const ofServer =
    /@nestjs|@aws-sdk|@modelcontextprotocol|express|kysely|pglite|reflect-metadata|class-validator|\/dist\/(runtime|mcp|agent|config)\//;
  expect(loaded.filter((url) => ofServer.test(url))).toEqual([]);
  // Of a program that starts in a tenth of a second.
  expect(loaded.length).toBeLessThan(250);
});

it('doctor finds nothing wrong with a server that runs, and prints that it does', async () => {
  const { code, stdout } = await outcome(['doctor', '--json'], {
    ...settings,
    CYBERUN_DATA_DIR: server.dataDir,
    CYBERUN_HTTP_PORT: new URL(server.api).port,
    CYBERUN_WORKFLOWS_DIR: join(folder.path, 'workflows'),
    CYBERUN_AGENT_CONTAINER_SOCKET: 'off',
  });
  const { findings } = JSON.parse(stdout) as { findings: Record<string, string>[] };
  expect(findings.filter(({ status }) => status !== 'ok')).toEqual([]);
  expect(findings.find(({ check }) => check === 'server')?.['seen']).toBe(
    `Process ${server.child.pid} serves role all, version ${packageVersion}, at ${new URL(server.api).origin}.`,
  );
  expect(code).toBe(0);
});

it('login reads a key from standard input, tries it, and keeps it in a file that only this user can read', async () => {
  const home = join(folder.path, 'signed-in');
  const login = async (key: string, ...args: string[]) => {
    const environment = { ...inherited(), XDG_CONFIG_HOME: home };
    const child = spawn(process.execPath, [packagePaths.entry, 'login', ...args], { env: environment });
    let stderr = '';
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.stdin.end(key);
    const [code] = (await once(child, 'close')) as [number];
    return { code, stderr };
  };
  const wrong = await login(`sk-${'x'.repeat(30)}`, '--url', server.endpoint);
  expect(wrong).toMatchObject({ code: 6, stderr: expect.stringContaining('refuses the key of this login') });
  expect(await readdir(folder.path)).not.toContain('signed-in');
  const right = await login(`${server.key}\n`, '--url', server.endpoint);
  expect(right).toMatchObject({ code: 0, stderr: expect.stringContaining(`Signed in at ${server.api}`) });
  expect(right.stderr).not.toContain(server.key);
  const file = join(home, 'cyberun-mcp', 'login.json');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  const status = await outcome(['status', '--json'], { XDG_CONFIG_HOME: home });
  expect(JSON.parse(status.stdout)).toMatchObject({ url: server.api, key_from: 'login', workflow_count: 3 });
  const elsewhere = await outcome(['status'], { XDG_CONFIG_HOME: home, CYBERUN_URL: 'http://127.0.0.1:9' });
  expect(elsewhere).toMatchObject({ code: 6, stderr: expect.stringContaining('not sent elsewhere') });
});

it('run uploads a file, reads values by their types, follows the task in lines, and saves outputs once', async () => {
  const card = join(folder.path, 'card.txt');
  await writeFile(card, 'with love');
  const outputs = join(folder.path, 'outputs');
  const run = ['run', 'greet', '--param', 'name=5', '--param', 'count=3', '--param', 'loud=true'];
  const { code, stdout, stderr } = await cyberun(
    ...run,
    '--file',
    `card=${card}`,
    '--output-dir',
    outputs,
    '--json',
  );
  expect({ code, stderr }).toEqual({
    code: 0,
    stderr: expect.stringMatching(/\nrunning {2}50% {2}step 1\/2 {2}half\n/),
  });
  const result = JSON.parse(stdout) as { id: string };
  const path = join(outputs, 'greeting.txt');
  expect(result).toMatchObject({
    task_status: 'completed',
    task_output: { name: '5', count: 3, loud: true, card: 'with love' },
    saved_files: [path],
  });
  expect(await readFile(path, 'utf8')).toBe('hello 5');
  const again = ['tasks', 'result', result.id, '--output-dir', outputs];
  expect(await cyberun(...again)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining(`${path} exists already`),
  });
  expect(await cyberun(...again, '--force')).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(path),
  });
  expect(await readdir(outputs)).toEqual(['greeting.txt']);
});

it('run shows a bar on a terminal', async () => {
  const line = [process.execPath, packagePaths.entry, 'run', 'greet', '--param', 'name=x'].join(' ');
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { ...inherited(), ...settings, TERM: 'xterm', HOME: folder.path },
  });
  let text = '';
  child.stdout.on('data', (chunk) => (text += String(chunk)));
  expect(await once(child, 'close')).toEqual([0, null]);
  expect(text).toMatch(/running {2}\[##########----------\] {2}50% {2}step 1\/2 {2}half/);
});

it.each([
  [['run', 'gret'], 'There is no workflow gret. Did you mean greet?'],
  [['run', 'greet', '--param', 'nam=x'], 'greet has no parameter nam. Did you mean name?'],
  [
    ['run', 'greet', '--param', 'count=many'],
    'count is "many", but must be an integer. Example: --param count=10',
  ],
  [
    ['run', 'greet', '--file', 'name=x'],
    'name is not a file, but of type string. Give it with --param name=VALUE',
  ],
  [['tasks', 'list', '--status', 'runing'], 'runing is not a status of tasks. Did you mean running?'],
])('%j is refused by name', async (args, sentence) => {
  expect(await cyberun(...args)).toMatchObject({ code: 1, stdout: '', stderr: `cyberun-mcp: ${sentence}\n` });
});

it('a task that fails ends run with exit code 3 and the end of its log', async () => {
  const { code, stderr } = await cyberun('run', 'fails');
  expect(code).toBe(3);
  expect(stderr).toContain('  | before the end\n');
  expect(stderr).toMatch(/Task [\da-f-]+ failed: .+\n/);
});

it('Ctrl-C leaves the task running; its log can be followed, and a cancel ends both watchers', async () => {
  const run = await started(['run', 'waits'], 'a quarter');
  run.child.kill('SIGINT');
  expect(await run.ended).toBe(130);
  const [, id = ''] = /Detached; task (\S+) goes on/.exec(run.text()) ?? [];
  const show = await cyberun('tasks', 'show', id);
  expect(show.stdout).toMatch(/^Status +running$/m);
  const watch = await started(['tasks', 'watch', id], 'a quarter');
  const logs = await started(['tasks', 'logs', '-f', id], 'first line');
  const cancel = await cyberun('tasks', 'cancel', id);
  expect(cancel).toMatchObject({ code: 0, stderr: `Task ${id} is cancelled.\n` });
  expect(await Promise.all([watch.ended, logs.ended])).toEqual([4, 0]);
  expect(logs.text()).toContain('The task is cancelled.');
  const list = await cyberun('tasks', '--status', 'cancelled', '--json');
  expect(JSON.parse(list.stdout)).toMatchObject({ task_list: [{ id }], total_count: 1 });
});

it('an address without a server ends a command with exit code 5 and says what to do', async () => {
  const host = `127.0.0.1:${await freePort()}`;
  const { code, stderr } = await outcome(['workflows'], { ...settings, CYBERUN_URL: `http://${host}` });
  expect({ code, stderr }).toEqual({
    code: 5,
    stderr: `cyberun-mcp: ${host} is not reachable: nothing listens there. Start the server there (cyberun-mcp serve), or name another with CYBERUN_URL.\n`,
  });
});

it('workflows check names file, line and reason of a definition that would be refused, without a server', async () => {
  const good = join(folder.path, 'workflows', 'greet.yaml');
  const bad = join(folder.path, 'bad.yaml');
  await writeFile(bad, DEFINITIONS.fails.replace('run: {', 'runs: {'));
  const alone = { CYBERUN_URL: '', CYBERUN_API_KEY: '' };
  expect(await outcome(['workflows', 'check', good], alone)).toMatchObject({
    code: 0,
    stdout: `RESULT  KIND      NAME   FILE\nvalid   workflow  greet  ${good}\n`,
  });
  const { code, stdout, stderr } = await outcome(['workflows', 'check', good, bad], alone);
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(`${bad}:`) });
  expect(stdout).toContain(`refused  -         -      ${bad}:`);
});

it('connect writes the server into the file of a client, calls it once, and undoes both', async () => {
  const home = { ...settings, HOME: join(folder.path, 'home') };
  const file = join(home.HOME, '.cursor/mcp.json');
  const connected = await outcome(['connect', 'cursor', '--yes'], home);
  expect(connected).toMatchObject({ code: 0, stderr: expect.stringMatching(/ lists \d\d tools\./) });
  expect(connected.stderr).not.toContain(server.key);
  expect(await readFile(file, 'utf8')).toContain('"Bearer ${env:CYBERUN_API_KEY}"');
  expect(await outcome(['connect', 'cursor', '--undo', '--yes'], home)).toMatchObject({ code: 0 });
  await expect(stat(home.HOME)).rejects.toThrow('ENOENT');
  expect(await outcome(['connect', 'emacs'], home)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('claude, codex, cursor'),
  });
});

it('the completion of bash completes commands, options and their values', async () => {
  const script = join(folder.path, 'completion.bash');
  await writeFile(script, (await cyberun('completion', 'bash')).stdout);
  const complete = (...words: string[]) =>
    execFileSync(
      'bash',
      [
        '-c',
        `source "$0"; COMP_WORDS=(cyberun-mcp "$@"); COMP_CWORD=$#; _cyberun_mcp; echo "\${COMPREPLY[*]}"`,
        script,
        ...words,
      ],
      { encoding: 'utf8' },
    );
  expect(complete('tas')).toBe('tasks\n');
  expect(complete('tasks', 'w')).toBe('watch\n');
  expect(complete('tasks', 'logs', '--fo')).toBe('--follow\n');
  expect(complete('tasks', 'logs', '--stream', 'std')).toBe('stdout stderr\n');
  expect(complete('connect', 'c')).toBe('claude codex cursor claude-desktop\n');
  expect(complete('connect', 'cursor', '--un')).toBe('--undo\n');
});
