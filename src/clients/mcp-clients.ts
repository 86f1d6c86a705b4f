import { join } from 'node:path';

import type { Connection, JsonSetting, Machine, McpClient } from './mcp-client.js';

const NAME = 'cyberun';

/** The header for most clients. */
const bearer = (key: string) => ({ Authorization: `Bearer ${key}` });

const entryOf =
  (section: string, entry: (connection: Connection) => unknown) =>
  (connection: Connection): readonly JsonSetting[] => [{ path: [section, NAME], value: entry(connection) }];

/** Where applications keep the settings of a user. */
function applicationData({ platform, home, environment }: Machine): string {
  if (platform === 'darwin') return join(home, 'Library', 'Application Support');
  if (platform === 'win32') return environment['APPDATA'] || join(home, 'AppData', 'Roaming');
  return environment['XDG_CONFIG_HOME'] || join(home, '.config');
}

/** Longer than `stream_task_events` waits, for clients that end calls earlier. */
const WAIT_SECONDS = 330;

/** The clients that `connect` configures, in the order of the pages. */
export const MCP_CLIENTS: readonly McpClient[] = [
  {
    name: 'claude',
    title: 'Claude Code',
    program: 'claude',
    files: ({ home, environment }) => [join(environment['CLAUDE_CONFIG_DIR'] || home, '.claude.json')],
    place: '~/.claude.json',
    keyReference: '${CYBERUN_API_KEY}',
    form: {
      kind: 'json',
      settings: entryOf('mcpServers', ({ url, key }) => ({ type: 'http', url, headers: bearer(key) })),
    },
    command: (url, key = '$CYBERUN_API_KEY') =>
      `claude mcp add --scope user --transport http cyberun \\\n  "${url}" \\\n  --header "Authorization: Bearer ${key}"`,
    next: 'Start Claude Code again; /mcp shows the connection.',
  },
  {
    name: 'codex',
    title: 'Codex CLI',
    program: 'codex',
    files: ({ home, environment }) => [
      join(environment['CODEX_HOME'] || join(home, '.codex'), 'config.toml'),
    ],
    place: '~/.codex/config.toml',
    keyReference: 'CYBERUN_API_KEY',
    form: {
      kind: 'toml',
      table: ({ url, key, isReference }) => ({
        top: ['tool_output_token_limit = 10000'],
        path: ['mcp_servers', NAME],
        lines: [
          `url = ${JSON.stringify(url)}`,
          isReference
            ? `bearer_token_env_var = ${JSON.stringify(key)}`
            : `http_headers = { Authorization = ${JSON.stringify(`Bearer ${key}`)} }`,
          'default_tools_approval_mode = "approve"',
          `tool_timeout_sec = ${WAIT_SECONDS}`,
        ],
      }),
    },
    remark:
      'tool_output_token_limit belongs before the first table of the file; it keeps long answers whole. With default_tools_approval_mode Codex calls the tools without asking you; take the line out if you want to be asked.',
    next: 'Start Codex again; codex mcp list shows the server.',
  },
  {
    name: 'cursor',
    title: 'Cursor',
    program: 'cursor',
    files: ({ home }) => [join(home, '.cursor', 'mcp.json')],
    place: '~/.cursor/mcp.json',
    keyReference: '${env:CYBERUN_API_KEY}',
    form: {
      kind: 'json',
      settings: entryOf('mcpServers', ({ url, key }) => ({ url, headers: bearer(key) })),
    },
    next: 'Cursor reads the file at once; Settings, Tools & MCP shows the server.',
  },
  {
    name: 'vscode',
    title: 'VS Code',
    program: 'code',
    files: (machine) => [join(applicationData(machine), 'Code', 'User', 'mcp.json')],
    place: '.vscode/mcp.json',
    keyReference: '${input:cyberun-key}',
    form: { kind: 'json', settings: forVsCode },
    next: 'Run "MCP: List Servers" in VS Code and start cyberun.',
  },
  {
    name: 'windsurf',
    title: 'Windsurf',
    program: 'windsurf',
    files: ({ home }) => [join(home, '.codeium', 'windsurf', 'mcp_config.json')],
    place: '~/.codeium/windsurf/mcp_config.json',
    keyReference: '${env:CYBERUN_API_KEY}',
    form: {
      kind: 'json',
      settings: entryOf('mcpServers', ({ url, key }) => ({ serverUrl: url, headers: bearer(key) })),
    },
    next: 'Press Refresh among the MCP servers of Windsurf.',
  },
  {
    name: 'claude-desktop',
    title: 'Claude Desktop',
    files: (machine) => [join(applicationData(machine), 'Claude', 'claude_desktop_config.json')],
    place: 'claude_desktop_config.json (Settings → Developer → Edit Config)',
    form: { kind: 'json', settings: entryOf('mcpServers', throughMcpRemote) },
    remark:
      'It starts mcp-remote with npx, so Node must be installed. The header has no space because Claude Desktop does not quote arguments on Windows.',
    next: 'Quit Claude Desktop and start it again.',
  },
  {
    name: 'gemini',
    title: 'Gemini CLI',
    program: 'gemini',
    files: ({ home }) => [join(home, '.gemini', 'settings.json')],
    place: '~/.gemini/settings.json',
    keyReference: '$CYBERUN_API_KEY',
    form: {
      kind: 'json',
      settings: entryOf('mcpServers', ({ url, key }) => ({ httpUrl: url, headers: bearer(key) })),
    },
    next: 'Start Gemini CLI again; gemini mcp list shows the server.',
  },
  {
    name: 'opencode',
    title: 'opencode',
    program: 'opencode',
    files: ({ home, environment }) =>
      ['opencode.json', 'opencode.jsonc'].map((file) =>
        join(environment['XDG_CONFIG_HOME'] || join(home, '.config'), 'opencode', file),
      ),
    place: '~/.config/opencode/opencode.json',
    keyReference: '{env:CYBERUN_API_KEY}',
    form: {
      kind: 'json',
      settings: entryOf('mcp', ({ url, key }) => ({
        type: 'remote',
        url,
        oauth: false,
        timeout: WAIT_SECONDS * 1000,
        headers: bearer(key),
      })),
    },
    remark: '"oauth": false, because the server takes a key.',
    next: 'Start opencode again; opencode mcp list shows the server.',
  },
];

/** VS Code asks for the key once and keeps it in the secret storage of the system. */
function forVsCode({ url, key, isReference }: Connection): readonly JsonSetting[] {
  const entry = { path: ['servers', NAME], value: { type: 'http', url, headers: bearer(key) } };
  const input = {
    type: 'promptString',
    id: 'cyberun-key',
    description: 'Cyberun integration key (sk-…)',
    password: true,
  };
  return isReference ? [{ path: ['inputs'], itemId: input.id, value: input }, entry] : [entry];
}

/** Claude Desktop starts programs only; mcp-remote is one that connects to a URL. */
function throughMcpRemote({ url, key }: Connection): unknown {
  const header = 'Authorization:${CYBERUN_AUTHORIZATION}';
  return {
    command: 'npx',
    args: ['-y', 'mcp-remote', url, '--transport', 'http-only', '--header', header],
    env: { CYBERUN_AUTHORIZATION: `Bearer ${key}` },
  };
}
