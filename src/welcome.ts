import type { Addresses, Config } from './config/index.js';

const CLIENTS = 'Claude Code, Cursor, Windsurf, Codex CLI, VS Code, Claude Desktop';

/** Prints what is needed to connect: text for people, one line of JSON for machines. */
export function printWelcome(config: Config, addresses: Addresses, newKey: string | undefined): void {
  const endpoint = `${addresses.public}/api/v1/mcp`;
  if (config.loggerFormat === 'json') {
    const record = { level: 'log', timestamp: Date.now(), message: 'ready', role: config.role, endpoint };
    process.stdout.write(`${JSON.stringify({ ...record, ...(newKey && { key: newKey }) })}\n`);
    return;
  }
  const lines = config.role === 'runtime' ? runtimeLines(addresses) : endpointLines(config, endpoint, newKey);
  process.stdout.write(
    `\n${[...lines, ...hints(addresses)].map((line) => `  ${line}`.trimEnd()).join('\n')}\n\n`,
  );
}

function endpointLines(config: Config, endpoint: string, newKey: string | undefined): string[] {
  return [
    'cyberun-mcp is ready.',
    '',
    `Endpoint  ${endpoint}`,
    `Key       ${keyLine(config, newKey)}`,
    '',
    'Connect Claude Code:',
    `claude mcp add --transport http cyberun ${endpoint} --header "Authorization: Bearer ${newKey ?? '$CYBERUN_API_KEY'}"`,
    '',
    `${CLIENTS}: see "Connect a client" in README.md`,
  ];
}

function keyLine({ role, runtimeUrl }: Config, newKey: string | undefined): string {
  if (newKey !== undefined) return `${newKey}  (shown this once; keep it)`;
  return role === 'mcp'
    ? `an sk- key of ${runtimeUrl ?? 'the runtime'}`
    : 'the one you have; make another with: npx cyberun-mcp keys create';
}

function runtimeLines(addresses: Addresses): string[] {
  return [
    'The Runtime API is ready.',
    '',
    `Base URL  ${addresses.public}/api/v1`,
    'Keys      make one with: npx cyberun-mcp keys create',
  ];
}

function hints(addresses: Addresses): string[] {
  if (!addresses.isWildcard) return [];
  return [
    '',
    'Listening on every interface, but CYBERUN_HTTP_PUBLIC_URL is not set: clients get "localhost", which works on',
    'this machine only. Example: CYBERUN_HTTP_PUBLIC_URL=https://mcp.example.com',
  ];
}
