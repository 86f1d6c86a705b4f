import { asksForKey, fileSnippet, type Machine, type McpClient } from '../../src/clients/index.js';

const ENDPOINT = 'http://127.0.0.1:8080/api/v1/mcp';

const MACHINES: Readonly<Record<string, Machine>> = {
  Linux: { platform: 'linux', home: '~', environment: {} },
  macOS: { platform: 'darwin', home: '~', environment: {} },
  Windows: { platform: 'win32', home: '~', environment: { APPDATA: '%APPDATA%' } },
};

/** Where a project has settings of its own. */
const PROJECT_FILES: Readonly<Record<string, string>> = {
  claude: '.mcp.json',
  cursor: '.cursor/mcp.json',
  vscode: '.vscode/mcp.json',
  gemini: '.gemini/settings.json',
  opencode: 'opencode.json',
};

/** What was tried, all on Linux in November 2026. */
const TESTED: Readonly<Record<string, string>> = {
  claude:
    'Claude Code 2.1.332: `claude mcp list` sends the key of the variable with the lines above, and connects after `claude mcp add`; `claude -p` called the tools.',
  codex:
    'Codex CLI 0.171.0: `codex exec` called the tools, with its default model and with `gpt-5`. Without `tool_timeout_sec` a call of `stream_task_events` timed out at 300 seconds, just as the result arrived.',
  cursor: 'The lines are from its documentation; the program was not run.',
  vscode: 'The lines are from its documentation; the program was not run.',
  windsurf: 'The lines are from its documentation; the program was not run.',
  'claude-desktop':
    'A test in every run starts `mcp-remote` 0.15.1 with these arguments and lists the tools. Claude Desktop itself was not run.',
  gemini: 'Gemini CLI 0.61.0: `gemini mcp list` connects; `gemini -p` called the tools.',
  opencode:
    'opencode 1.18.33: `opencode mcp list` connects; `opencode run` called the tools, and waits for `stream_task_events` with progress.',
};

/** The clients for which `npm run hosts` has a script. */
const SCRIPTED = new Set(['claude', 'codex', 'gemini', 'opencode']);

/** docs/clients/NAME.md: how a client is connected, by command and by hand, and what was tested. */
export function clientPage(client: McpClient): string {
  const { name, title, command, remark, next } = client;
  const { language, text } = fileSnippet(client, ENDPOINT);
  const connect = `npx cyberun-mcp connect ${name}`;
  const parts = [
    `# ${title}`,
    '<!-- Printed by `npm run print` from src/clients. Do not edit. -->',
    `\`\`\`sh\nnpx cyberun-mcp login\n${connect}\n\`\`\``,
    `\`connect\` shows the lines that it changes, asks, keeps a copy of the file, writes it, and calls the server once. Comments, other servers and the form of the file stay. \`${connect} --undo\` takes back this change and nothing else. [All options](../command-line.md#cyberun-mcp-connect-client).`,
    keyText(client),
    '## By hand',
    `${capitalised(filesOf(client))}:`,
    `\`\`\`${language}\n${text}\n\`\`\``,
    ...(command ? ['Or with the key in `CYBERUN_API_KEY`:', `\`\`\`sh\n${command(ENDPOINT)}\n\`\`\``] : []),
    `For another server, replace \`http://127.0.0.1:8080\`.${remark === undefined ? '' : ` ${remark}`} ${next}`,
    '## Tested',
    `${TESTED[name] ?? ''}${SCRIPTED.has(name) ? ` ${scriptText(name)}` : ''}`,
    'How long it waits for a tool, and how a reply looks: [Clients](../clients.md).',
  ];
  return `${parts.join('\n\n')}\n`;
}

function keyText(client: McpClient): string {
  const { title, keyReference } = client;
  if (keyReference === undefined)
    return `${title} reads no variable for the key, so \`connect\` writes the key itself into the file: keep the file to yourself.`;
  if (asksForKey(client))
    return `${title} asks for the key once and keeps it in the secret storage of the system.`;
  return `The file refers to the variable \`CYBERUN_API_KEY\`, which must be set where ${title} starts. With \`--write-key\` it holds the key itself.`;
}

const scriptText = (name: string): string =>
  `To repeat it with a scripted model and without an account: \`npm run hosts -- ${name}\` ([how](../clients.md#what-a-host-gives-the-model)).`;

function filesOf({ name, files }: McpClient): string {
  const ofUser = Object.entries(
    Object.groupBy(Object.entries(MACHINES), ([, machine]) =>
      files(machine)
        .map((file) => `\`${file}\``)
        .join(' or '),
    ),
  ).map(([paths, systems = []], _index, { length }) =>
    length === 1 ? `in ${paths}` : `in ${paths} on ${systems.map(([system]) => system).join(' and ')}`,
  );
  const project = PROJECT_FILES[name];
  return [...ofUser, ...(project === undefined ? [] : [`or in \`${project}\` of a project`])].join(', ');
}

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
