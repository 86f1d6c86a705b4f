import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { createInterface } from 'node:readline';

import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { packagePaths, Settings, settingsOf } from '../../src/config/index.js';
import { GlossaryModule } from '../fixtures/glossary/glossary.module.js';
import { toolsAt } from '../contract/surface.js';
import { CLIENTS } from '../support/clients.js';
import { compileText, parseServiceText } from '../support/compile.js';
import { handWritten, MarkdownFile } from '../support/documents.js';
import { KEY, McpApp } from '../support/mcp-app.js';

const ENDPOINT = 'http://127.0.0.1:8080/api/v1/mcp';
const ENVIRONMENT_KEY = 'Bearer ${env:CYBERUN_API_KEY}';
/** Variables that are no settings: a client's, an agent's, and what processes of tasks and services see. */
const OTHER_VARIABLES =
  /^CYBERUN_(API_KEY|URL|OAUTH_KEY_\w+|AUTHORIZATION|AGENT_KEY|TASK_ID|ATTEMPT|PROCESS_GROUP|PROGRESS_URL|PARAMETERS|PARAM_?|INPUT_DIR|OUTPUT_DIR|WORKFLOW_DIR|SERVICE_(DIR|SLUG|REPLICA))$/;

const readme = new MarkdownFile('README.md');
const clients = new MarkdownFile('docs/clients.md');
const json = (title: string): Record<string, unknown> =>
  JSON.parse(readme.snippet('json', title)) as Record<string, unknown>;

it('the README connects Claude Code', () => {
  const command = readme.snippet('sh', 'Claude Code');
  const script = `claude() { printf '%s\\n' "$@"; }\n${command}`;
  const words = execFileSync('/bin/sh', ['-c', script], {
    env: { CYBERUN_API_KEY: 'sk-x' },
    encoding: 'utf8',
  });
  const header = ['--header', 'Authorization: Bearer sk-x'];
  expect(words.trim().split('\n')).toEqual([
    'mcp',
    'add',
    '--scope',
    'user',
    '--transport',
    'http',
    'cyberun',
    ENDPOINT,
    ...header,
  ]);
});

it.each([
  ['Cursor', 'url'],
  ['Windsurf', 'serverUrl'],
])('the README connects %s', (client, field) =>
  expect(json(client)).toEqual({
    mcpServers: { cyberun: { [field]: ENDPOINT, headers: { Authorization: ENVIRONMENT_KEY } } },
  }),
);

it('the README connects Codex CLI', () => {
  const [limit, , table, ...lines] = readme.snippet('toml', 'Codex CLI').trim().split('\n');
  // As docs/clients.md has it; in a table it would mean nothing.
  expect([limit, table]).toEqual(['tool_output_token_limit = 10000', '[mcp_servers.cyberun]']);
  expect(clients.text).toContain('`tool_output_token_limit = 10000`');
  expect(
    Object.fromEntries(lines.map((line) => /^(\w+) = "?([^"]*)"?$/.exec(line)?.slice(1) ?? [line])),
  ).toEqual({
    url: ENDPOINT,
    bearer_token_env_var: 'CYBERUN_API_KEY',
    default_tools_approval_mode: 'approve',
    // Longer than the tool that takes longest waits.
    tool_timeout_sec: '330',
  });
});

it('the README connects VS Code, which asks for the key', () => {
  const { inputs, servers } = json('VS Code') as { inputs: [{ id: string }]; servers: object };
  const [asked] = inputs;
  expect(asked).toMatchObject({ type: 'promptString', password: true });
  expect(servers).toEqual({
    cyberun: { type: 'http', url: ENDPOINT, headers: { Authorization: `Bearer \${input:${asked.id}}` } },
  });
});

it('the README connects Claude Desktop by mcp-remote, whose arguments reach the tools', async () => {
  const { mcpServers } = json('Claude Desktop') as {
    mcpServers: { cyberun: { command: string; args: string[]; env: Record<string, string> } };
  };
  const { command, args, env } = mcpServers.cyberun;
  expect([command, ...args.slice(0, 3)]).toEqual(['npx', '-y', 'mcp-remote', ENDPOINT]);
  expect(Object.values(env)).toEqual(['Bearer sk-…']);

  await using app = await McpApp.start({ modules: [GlossaryModule] });
  const given = [app.url, ...args.slice(3)];
  const key = Object.fromEntries(Object.keys(env).map((name) => [name, `Bearer ${KEY}`]));
  expect(await toolsThroughMcpRemote(given, key)).toContain('define_term');
});

it('the README connects clients under the title that the server names', () =>
  expect(readme.text).toContain('\n## Connect a client\n'));

const remote = { type: 'remote', url: ENDPOINT, oauth: false, timeout: 330_000 };
const bearer = (key: string) => ({ headers: { Authorization: `Bearer ${key}` } });

/** The snippet of the page of a client. */
const pageOf = (name: string) => new MarkdownFile(`docs/clients/${name}.md`);
const jsonOf = (name: string): unknown => JSON.parse(pageOf(name).snippets('json')[0]?.text ?? '');

it.each(['gemini', 'qwen'])('docs/clients/%s.md connects by httpUrl', (name) =>
  expect(jsonOf(name)).toEqual({
    mcpServers: { cyberun: { httpUrl: ENDPOINT, ...bearer('$CYBERUN_API_KEY') } },
  }),
);

it.each(['opencode', 'kilo'])('docs/clients/%s.md connects with OAuth off', (name) =>
  expect(jsonOf(name)).toEqual({
    mcp: { cyberun: { ...remote, ...bearer('{env:CYBERUN_API_KEY}') } },
  }),
);

it.each([
  ['copilot', { type: 'http', tools: ['*'], timeout: 330_000, ...bearer('${CYBERUN_API_KEY}') }],
  ['cline', { type: 'streamableHttp', timeout: 330, ...bearer('sk-…') }],
])('docs/clients/%s.md has the lines for its client', (name, server) =>
  expect(jsonOf(name)).toEqual({ mcpServers: { cyberun: { url: ENDPOINT, ...server } } }),
);

it('docs/clients/continue.md has the lines for Continue', () =>
  expect(parse(pageOf('continue').snippets('yaml')[0]?.text ?? '')).toMatchObject({
    schema: 'v1',
    mcpServers: [
      {
        type: 'streamable-http',
        url: ENDPOINT,
        requestOptions: bearer('${{ secrets.CYBERUN_API_KEY }}'),
      },
    ],
  }));

it('docs/clients.md names the timeout of every client of the README', () => {
  const titles = [...readme.text.matchAll(/^\*\*([\w ]+)\*\*[:,\n]/gm)].map(([, title]) => title);
  const rows = [...clients.text.matchAll(/^\| \[([\w ]+)\]\(clients\//gm)].map(([, name]) => name);
  expect(titles.length).toBeGreaterThan(5);
  expect(rows).toEqual(expect.arrayContaining(titles.filter((title) => !/^(In|On|With)/.test(title ?? ''))));
});

const path = 'test/fixtures/glossary/glossary.module.ts';

it('the module of the README is the tested file, except for its imports', () => {
  const code = readFileSync(join(packagePaths.root, path), 'utf8').replace(
    '../../../src/extension/index.js',
    'cyberun-mcp/extension',
  );
  expect(readme.snippets('ts')[0]?.text.replace(/^\/\/.*\n/, '')).toBe(code);
});

it('the tools of the README meet the rules for all tools', async () => {
  await using app = await McpApp.start({ modules: [GlossaryModule] });
  const ours = (await toolsAt(app.url, KEY)).filter(
    ({ name }) => name.endsWith('_term') || name === 'list_terms',
  );
  expect(ours).toHaveLength(3);
  for (const { outputSchema } of ours) {
    expect(outputSchema).toMatchObject({ type: 'object' });
    expect(outputSchema?.required ?? []).toEqual([]);
    expect(outputSchema?.properties).toHaveProperty('error_message');
  }
});

it.each(CLIENTS)('the module of the README serves its three tools to $name', async ({ connect }) => {
  await using app = await McpApp.start({ modules: [GlossaryModule] });
  await using client = await connect({ endpoint: app.url, key: KEY });
  expect(await client.listTools()).toEqual(expect.arrayContaining(['list_terms', 'get_term', 'define_term']));

  const defined = { word: 'deploy', meaning: 'to hand a version to customers' };
  expect((await client.call('define_term', defined)).structuredContent).toEqual(defined);
  expect((await client.call('list_terms', {})).structuredContent).toEqual({ words: ['deploy'] });
  expect((await client.call('get_term', { word: 'deploy' })).structuredContent).toEqual(defined);
  expect(await client.call('get_term', { word: 'ship' })).toMatchObject({
    isError: true,
    structuredContent: { error_message: 'ship is not defined' },
  });
  expect(await client.call('define_term', { word: '' })).toMatchObject({
    isError: true,
    structuredContent: { error_message: expect.stringMatching(/word.*meaning/) },
  });
});

it.each(handWritten())('every link in $path leads to an existing target', (document) => {
  const targets = document.localLinks().map((link) => normalize(join(dirname(document.path), link)));
  expect(targets.filter((target) => !existsSync(join(packagePaths.root, target)))).toEqual([]);
});

it('no document names a setting or a script that does not exist', () => {
  const settings = new Set(settingsOf(Settings.prototype).map(({ env }) => env));
  const { scripts } = JSON.parse(readFileSync(join(packagePaths.root, 'package.json'), 'utf8')) as {
    scripts: object;
  };
  const unknown = handWritten().flatMap(({ path, text }) => [
    ...[...text.matchAll(/\bCYBERUN_[A-Z0-9_]+/g)]
      .map(([name]) => name)
      .filter((name) => !settings.has(name) && !OTHER_VARIABLES.test(name))
      .map((name) => `${path}: ${name}`),
    ...[...text.matchAll(/npm run (?:--\S+ )*([a-z][\w:-]*)/g)]
      .filter(([, name = '']) => !Object.hasOwn(scripts, name))
      .map(([command]) => `${path}: ${command}`),
  ]);
  expect(unknown).toEqual([]);
});

it('the runtime loads the first workflow of docs/workflows.md', async () => {
  const [first] = new MarkdownFile('docs/workflows.md').snippets('yaml');
  expect(await compileText('word-count.yaml', first?.text ?? '')).toMatchObject({
    slug: 'word-count',
    max_retries: 1,
  });
});

const services = new MarkdownFile('docs/services.md').snippets('yaml');
it.each([
  ['notes', 'services/notes.yaml', readFileSync(join(packagePaths.root, 'services/notes.yaml'), 'utf8')],
  ['greeter', 'docs/services.md', services[0]?.text ?? ''],
  ['notes', 'docs/services.md', services[1]?.text ?? ''],
])('the runtime loads the service %s in %s', async (slug, path, text) =>
  expect(await parseServiceText(path, text)).toMatchObject({ slug, usage_prompt: expect.any(String) }),
);

/** Names of the tools that a client behind mcp-remote sees. */
async function toolsThroughMcpRemote(args: string[], environment: Record<string, string>): Promise<string[]> {
  const program = join(packagePaths.root, 'node_modules/.bin/mcp-remote');
  const configuration = await mkdtemp(join(tmpdir(), 'mcp-remote-'));
  const child = spawn(process.execPath, [program, ...args], {
    env: { PATH: process.env['PATH'], MCP_REMOTE_CONFIG_DIR: configuration, ...environment },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  const send = (message: object): void =>
    void child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  const clientInfo = { name: 'Claude Desktop', version: '1' };
  send({
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo },
  });
  try {
    for await (const line of createInterface(child.stdout)) {
      const { id, result } = JSON.parse(line) as { id?: number; result?: { tools: { name: string }[] } };
      if (id === 2) return result?.tools.map(({ name }) => name) ?? [];
      send({ method: 'notifications/initialized' });
      send({ id: 2, method: 'tools/list' });
    }
    throw new Error('mcp-remote ended');
  } finally {
    child.kill();
    await exited;
    await rm(configuration, { recursive: true, force: true });
  }
}
