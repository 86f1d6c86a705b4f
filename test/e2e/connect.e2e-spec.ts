import { chmod, lstat, mkdir, readdir, readFile, realpath, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { parse } from 'jsonc-parser';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { MCP_CLIENTS } from '../../src/clients/index.js';
import { temporaryFolder } from '../support/command-line.js';
import { command } from '../support/in-process-command.js';
import { KEY, McpApp } from '../support/mcp-app.js';

/** As other servers have them, and as an entry of an older key. */
const SECRETS = ['ghp_0123456789abcdefghij', 'sk-older-0123456789', 'c2VjcmV0OjEyMzQ1Njc4OTAxMg=='];
const NAMES = MCP_CLIENTS.map(({ name }) => name);

/** Files below the home folder as their clients leave them after some use. */
const USED: Readonly<Record<string, readonly [file: string, text: string]>> = {
  // 2.1 writes its state and the servers into one file.
  claude: [
    '.claude.json',
    `{"numStartups":12,"oauthAccount":{"t":"${SECRETS[2]}"},"mcpServers":{"github":{"type":"http","url":"https://g","headers":{"Authorization":"Bearer ${SECRETS[0]}"}}},"projects":{"/work":{"history":["${SECRETS[2]}"]}}}`,
  ],
  codex: [
    '.codex/config.toml',
    `# Codex 0.171\nmodel = "gpt-5.2" # fast\nnotify = [\n  "notify-send", # a [bracket]\n]\n\n[mcp_servers.docs]\ncommand = "npx" # mine\nenv = { TOKEN = "${SECRETS[0]}" }\n\n[projects."/work/a.b"]\ntrust_level = "trusted"\n`,
  ],
  cursor: [
    '.cursor/mcp.json',
    `\uFEFF{\r\n  "mcpServers": {\r\n    "github": { "command": "docker", "env": { "T": "${SECRETS[0]}" } }\r\n  }\r\n}\r\n`,
  ],
  vscode: [
    '.config/Code/User/mcp.json',
    '{\n\t// servers of the team\n\t"servers": {\n\t\t"docs": { "type": "stdio", "command": "docs" }, /* keep */\n\t},\n\t"inputs": [],\n}\n',
  ],
  windsurf: ['.codeium/windsurf/mcp_config.json', '{\n    "mcpServers": {}\n}'],
  'claude-desktop': [
    '.config/Claude/claude_desktop_config.json',
    `{\n  "globalShortcut": "Alt+C",\n  "mcpServers": {\n    "cyberun": {\n      "command": "npx",\n      "env": { "CYBERUN_AUTHORIZATION": "Bearer ${SECRETS[1]}" }\n    },\n    "files": { "command": "npx" }\n  }\n}`,
  ],
  gemini: [
    '.gemini/settings.json',
    '{\n  // look\n  "ui": { "theme": "GitHub" },\n  "security": { "auth": { "selectedType": "oauth-personal" } }\n}\n',
  ],
  opencode: [
    '.config/opencode/opencode.jsonc',
    '{\n  "$schema": "https://opencode.ai/config.json",\n  // "model": "x",\n  "mcp": { "docs": { "type": "local", "command": ["docs"] } }\n}\n',
  ],
};

let app: McpApp;
let home: Awaited<ReturnType<typeof temporaryFolder>>;
let settings: Record<string, string>;

beforeAll(async () => void (app = await McpApp.start()));
afterAll(() => app[Symbol.asyncDispose]());
beforeEach(async () => {
  home = await temporaryFolder();
  // Empty variables count as missing ones.
  const unset = { XDG_CONFIG_HOME: '', CLAUDE_CONFIG_DIR: '', CODEX_HOME: '', APPDATA: '', PATH: '' };
  settings = { ...unset, HOME: home.path, CYBERUN_URL: app.origin, CYBERUN_API_KEY: KEY };
});
afterEach(() => home[Symbol.asyncDispose]());

/** Runs `connect`, agreed to; its output has no key. */
async function connect(...args: string[]) {
  const done = await command(settings, 'connect', ...args, '--yes');
  for (const secret of [KEY, ...SECRETS]) expect(done.stdout + done.stderr).not.toContain(secret);
  return done;
}

const fileOf = (name: string): string => join(home.path, USED[name]?.[0] ?? '');

async function use(name: string, text = USED[name]?.[1] ?? ''): Promise<string> {
  const file = fileOf(name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text, { mode: 0o644 });
  return file;
}

const read = (file: string): Promise<string> => readFile(file, 'utf8');
const modeOf = async (file: string): Promise<number> => (await stat(file)).mode & 0o777;

it.each(NAMES)(
  '%s is connected beside what its file has, no key is shown, and an undo leaves the same bytes',
  async (name) => {
    const file = await use(name);
    const done = await connect(name, '--json');
    expect(done).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining(`${app.url} accepts the key`),
    });
    const written = await read(file);
    expect(written).toContain(app.url);
    expect(written.includes(KEY)).toBe(name === 'claude-desktop');
    const { backup, ...facts } = JSON.parse(done.stdout) as { backup: string };
    expect(facts).toMatchObject({ client: name, file, endpoint: app.url, is_changed: true });
    expect([await read(backup), await modeOf(backup)]).toEqual([USED[name]?.[1], 0o600]);

    expect(await connect(name)).toMatchObject({ stderr: expect.stringContaining('has this already') });
    expect(await connect(name, '--undo')).toMatchObject({ exitCode: 0 });
    expect([await read(file), await modeOf(file)]).toEqual([USED[name]?.[1], 0o644]);
    expect(await readdir(dirname(file))).not.toContainEqual(expect.stringMatching(/backup|tmp/));
  },
);

it.each(NAMES)(
  '%s without a file gets one that only its user reads, and an undo removes it',
  async (name) => {
    const { stdout } = await connect(name, '--json');
    const { file } = JSON.parse(stdout) as { file: string };
    expect(await modeOf(file)).toBe(0o600);
    expect(await read(file)).toContain(app.url);
    await connect(name, '--undo');
    // Only our own folder is left, with no record in it.
    expect(await readdir(home.path, { recursive: true })).toEqual([
      '.config',
      '.config/cyberun-mcp',
      '.config/cyberun-mcp/connect',
    ]);
  },
);

it('what is written without a file is what the page of the client shows', async () => {
  await connect('codex');
  expect(await read(fileOf('codex'))).toBe(
    [
      'tool_output_token_limit = 10000',
      '',
      '[mcp_servers.cyberun]',
      `url = "${app.url}"`,
      'bearer_token_env_var = "CYBERUN_API_KEY"',
      'default_tools_approval_mode = "approve"',
      'tool_timeout_sec = 330',
      '',
    ].join('\n'),
  );
});

it('an undo after other changes keeps them, and a second one has nothing to do', async () => {
  const file = await use('cursor', '{ "mcpServers": {} }');
  await connect('cursor');
  const text = await read(file);
  await writeFile(file, text.replace('"mcpServers": {', '"mcpServers": { "new": { "url": "http://new" },'));
  await connect('cursor', '--undo');
  expect(parse(await read(file))).toEqual({ mcpServers: { new: { url: 'http://new' } } });
  expect(await connect('cursor', '--undo')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('there is nothing to undo'),
  });
});

it('a file that connect has made stays when it has changed since, also after a second connection', async () => {
  await connect('gemini');
  const file = fileOf('gemini');
  await writeFile(file, (await read(file)).replace('{', '{ "theme": "dark",'));
  await connect('gemini', '--url', `${app.url}?toolsets=logs`);
  expect(await read(file)).toContain(`"${app.url}?toolsets=logs"`);
  await connect('gemini', '--undo');
  expect(parse(await read(file))).toEqual({ theme: 'dark' });
});

it('a client that is connected twice goes back to what was before the first time', async () => {
  const file = await use('gemini');
  await connect('gemini');
  const { stderr } = await connect('gemini', '--write-key');
  expect(stderr).toContain(`Close it: chmod 600 ${file}`);
  expect(await read(file)).toContain(KEY);
  await connect('gemini', '--undo');
  expect(await read(file)).toBe(USED['gemini']?.[1]);
});

it('an undo of an entry that its user has removed changes nothing', async () => {
  const file = await use('cursor', '{}');
  await connect('cursor');
  await writeFile(file, '{ "other": 1 }');
  const { stderr } = await connect('cursor', '--undo');
  expect([stderr, await read(file)]).toEqual([
    expect.stringContaining('has nothing of the change any more'),
    '{ "other": 1 }',
  ]);
});

it('a symbolic link stays one, and its target keeps its mode', async () => {
  const file = fileOf('cursor');
  const target = join(home.path, 'dotfiles.json');
  await mkdir(dirname(file), { recursive: true });
  await writeFile(target, '{}', { mode: 0o640 });
  await symlink(target, file);
  await connect('cursor');
  expect((await lstat(file)).isSymbolicLink()).toBe(true);
  expect([await realpath(file), await modeOf(target)]).toEqual([await realpath(target), 0o640]);
  expect(await read(target)).toContain(app.url);
});

it.each([
  {
    what: 'broken JSON',
    name: 'cursor',
    text: '{ "mcpServers": ',
    reason: /in line 1 a value is missing\. Mend it/,
  },
  { what: 'no text', name: 'cursor', text: '\u0000', reason: /not valid JSON: in line 1 there is a / },
  {
    what: 'of another shape',
    name: 'gemini',
    text: '{ "mcpServers": [] }',
    reason: /"mcpServers" in it is not an object; mend it/,
  },
  {
    what: 'broken TOML',
    name: 'codex',
    text: 'a = 1\nb = [1,\n',
    reason: /the value in line 2 has no end\. Mend it/,
  },
  {
    what: 'inline TOML',
    name: 'codex',
    text: 'mcp_servers.cyberun.http_headers = { A = "sk-older-0123456789" }\n',
    reason: /as "mcp_servers\.cyberun\.http_headers = …"/,
  },
  {
    what: 'read-only',
    name: 'cursor',
    text: '{}',
    reason: /it is read-only; allow its owner to write it: chmod u\+w /,
    mode: 0o444,
  },
])('a file that is $what is left as it is, with a reason', async ({ name, text, reason, mode = 0o644 }) => {
  const file = await use(name, text);
  await chmod(file, mode);
  const { exitCode, stderr } = await connect(name);
  expect([exitCode, stderr]).toEqual([1, expect.stringMatching(reason)]);
  expect(stderr).toContain(`is not changed. ${file}: `);
  expect([await read(file), await readdir(dirname(file))]).toEqual([text, [file.split('/').at(-1)]]);
});

it('nothing is written without consent, in a dry run, without a key, or for an unknown client', async () => {
  const dry = await connect('cursor', '--dry-run');
  expect(dry.stderr).toContain(`+       "url": "${app.url}"`);
  expect(await command(settings, 'connect', 'cursor')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('Add --yes to agree'),
  });
  expect(await connect('cursor', '--url', 'mcp.example.com')).toMatchObject({
    exitCode: 1,
    stderr: expect.stringContaining('--url is "mcp.example.com", but must be'),
  });
  settings = { ...settings, CYBERUN_API_KEY: '' };
  expect(await connect('cursor')).toMatchObject({ stderr: expect.stringContaining('Not signed in') });
  expect(await readdir(home.path)).toEqual([]);
});

it('a server that refuses the key, or is not there, is reported after the change', async () => {
  app.runtime.validate = () => ({ isValid: false });
  settings = { ...settings, CYBERUN_API_KEY: 'sk-refused-012345' };
  const refused = await connect('cursor', '--json');
  app.runtime.validate = () => ({ isValid: true });
  expect(refused.stderr).toContain('refuses the key of CYBERUN_API_KEY');
  expect(JSON.parse(refused.stdout)).toMatchObject({ is_changed: true, tool_count: null });
  const away = await connect('windsurf', '--url', 'http://127.0.0.1:2');
  expect(away.stderr).toContain('but a call fails. 127.0.0.1:2 is not reachable');
  expect(away.stderr).toContain('cyberun-mcp connect windsurf --undo');
});

it('the key of a login is used, and the client is the one to read it from the variable', async () => {
  const login = join(home.path, '.config/cyberun-mcp/login.json');
  await mkdir(dirname(login), { recursive: true });
  await writeFile(login, JSON.stringify({ url: `${app.origin}/api/v1`, key: KEY }), { mode: 0o600 });
  settings = { ...settings, CYBERUN_API_KEY: '', CYBERUN_URL: '' };
  expect(await connect('cursor')).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining('reads the key from CYBERUN_API_KEY, which must be set where it starts'),
  });
});

it('a second file of the same client is refused until the first is taken back', async () => {
  await connect('codex');
  settings = { ...settings, CODEX_HOME: join(home.path, 'other') };
  const { stderr } = await connect('codex');
  expect(stderr).toContain(`connect has changed ${fileOf('codex')} for Codex CLI`);
});

it('without a client the list says which are connected', async () => {
  await use('codex');
  await connect('cursor');
  const { stdout } = await connect();
  expect(stdout).toMatch(/^cursor +Cursor +connected +\S+mcp\.json$/m);
  expect(stdout).toMatch(/^codex +Codex CLI +installed +\S+config\.toml$/m);
  expect(stdout).toMatch(/^windsurf +Windsurf +not found +\S+$/m);
  expect(stdout).toMatch(/^claude +Claude Code +not found +\S+$/m);
  const { client_list } = JSON.parse((await connect('--json')).stdout) as { client_list: object[] };
  expect(client_list[2]).toMatchObject({ client: 'cursor', title: 'Cursor', state: 'connected' });
});
