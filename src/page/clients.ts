/** How a client is connected: a command to run, or what to write into its file. */
export interface ClientSnippet {
  readonly name: string;
  readonly language: 'sh' | 'json' | 'toml';
  /** The file that it belongs into; a command has none. */
  readonly file?: string;
  readonly text: string;
  /** What to know beside it. */
  readonly hint?: string;
}

const FROM_ENVIRONMENT = 'Put the key into the environment variable CYBERUN_API_KEY first.';

const json = (value: object): string => JSON.stringify(value, null, 2);

/** In `mcpServers`, as most clients have it, with the name that the client has for the URL. */
const entry = (field: string, endpoint: string, authorization: string): string =>
  json({ mcpServers: { cyberun: { [field]: endpoint, headers: { Authorization: authorization } } } });

/** The entry of Cursor, which its install link has too. */
export const cursorEntry = (endpoint: string): object => ({
  url: endpoint,
  headers: { Authorization: 'Bearer ${env:CYBERUN_API_KEY}' },
});

/** Has VS Code ask for the key once, and store it. */
const VSCODE_INPUT = {
  type: 'promptString',
  id: 'cyberun-key',
  description: 'Cyberun integration key (sk-…)',
  password: true,
};

const vscodeEntry = (endpoint: string): object => ({
  type: 'http',
  url: endpoint,
  headers: { Authorization: 'Bearer ${input:cyberun-key}' },
});

/** What VS Code's install link takes. */
export const vscodeInstallation = (endpoint: string): object => ({
  name: 'cyberun',
  ...vscodeEntry(endpoint),
  inputs: [VSCODE_INPUT],
});

const codexConfig = (endpoint: string): string => `tool_output_token_limit = 10000

[mcp_servers.cyberun]
url = "${endpoint}"
bearer_token_env_var = "CYBERUN_API_KEY"
default_tools_approval_mode = "approve"
tool_timeout_sec = 330`;

/** Claude Desktop speaks stdio only; mcp-remote connects it. The header has no space, because it quotes no arguments. */
const desktopConfig = (endpoint: string): string => {
  const remote = ['-y', 'mcp-remote', endpoint, '--transport', 'http-only'];
  const args = [...remote, '--header', 'Authorization:${CYBERUN_AUTHORIZATION}'];
  const env = { CYBERUN_AUTHORIZATION: 'Bearer sk-…' };
  return json({ mcpServers: { cyberun: { command: 'npx', args, env } } });
};

type Client = Omit<ClientSnippet, 'text'> & { readonly write: (endpoint: string) => string };

const CLIENTS: readonly Client[] = [
  {
    name: 'Claude Code',
    language: 'sh',
    write: (endpoint) =>
      `claude mcp add --scope user --transport http cyberun \\\n  "${endpoint}" \\\n  --header "Authorization: Bearer $CYBERUN_API_KEY"`,
    hint: FROM_ENVIRONMENT,
  },
  {
    name: 'Codex CLI',
    language: 'toml',
    file: '~/.codex/config.toml',
    write: codexConfig,
    hint: `${FROM_ENVIRONMENT} The first line belongs before the first table of the file.`,
  },
  {
    name: 'Cursor',
    language: 'json',
    file: '~/.cursor/mcp.json',
    write: (endpoint) => json({ mcpServers: { cyberun: cursorEntry(endpoint) } }),
    hint: FROM_ENVIRONMENT,
  },
  {
    name: 'VS Code',
    language: 'json',
    file: '.vscode/mcp.json',
    write: (endpoint) => json({ inputs: [VSCODE_INPUT], servers: { cyberun: vscodeEntry(endpoint) } }),
    hint: 'VS Code asks for the key and stores it.',
  },
  {
    name: 'Windsurf',
    language: 'json',
    file: '~/.codeium/windsurf/mcp_config.json',
    write: (endpoint) => entry('serverUrl', endpoint, 'Bearer ${env:CYBERUN_API_KEY}'),
    hint: FROM_ENVIRONMENT,
  },
  {
    name: 'Claude Desktop',
    language: 'json',
    file: 'claude_desktop_config.json (Settings → Developer → Edit Config)',
    write: desktopConfig,
    hint: 'Write your key in place of sk-…',
  },
  {
    name: 'Gemini CLI',
    language: 'json',
    file: '~/.gemini/settings.json',
    write: (endpoint) => entry('httpUrl', endpoint, 'Bearer $CYBERUN_API_KEY'),
    hint: FROM_ENVIRONMENT,
  },
];

/** A snippet for each client, with this endpoint; none has a key. */
export const clientSnippets = (endpoint: string): ClientSnippet[] =>
  CLIENTS.map(({ write, ...client }) => ({ ...client, text: write(endpoint) }));
