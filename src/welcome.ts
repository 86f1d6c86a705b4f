import { MCP_CLIENTS } from './clients/index.js';
import { type Addresses, type Config, servesConsole } from './config/index.js';

/** Prints what is needed to connect: text for people, one line of JSON for machines. */
export function printWelcome(config: Config, addresses: Addresses, newKey: string | undefined): void {
  if (config.loggerFormat === 'json') {
    const record = {
      level: 'log',
      timestamp: Date.now(),
      message: 'ready',
      role: config.role,
      endpoint: endpointOf(addresses),
    };
    process.stdout.write(`${JSON.stringify({ ...record, ...(newKey && { key: newKey }) })}\n`);
    return;
  }
  const lines =
    config.role === 'runtime' ? runtimeLines(config, addresses) : endpointLines(config, addresses, newKey);
  process.stdout.write(
    `\n${[...lines, ...hints(addresses)].map((line) => `  ${line}`.trimEnd()).join('\n')}\n\n`,
  );
}

const endpointOf = (addresses: Addresses): string => `${addresses.public}/api/v1/mcp`;

/** Where people see tasks and logs in a browser. */
const consoleLines = (config: Config, addresses: Addresses): string[] =>
  servesConsole(config) ? [`Console   ${addresses.public}/console`] : [];

function endpointLines(config: Config, addresses: Addresses, newKey: string | undefined): string[] {
  const endpoint = endpointOf(addresses);
  return [
    'cyberun-mcp is ready.',
    '',
    `Endpoint  ${endpoint}`,
    `Key       ${keyLine(config, newKey)}`,
    ...consoleLines(config, addresses),
    '',
    ...clientLines(endpoint, newKey),
  ];
}

/** A command for each client that has one; the others are named. */
function clientLines(endpoint: string, newKey: string | undefined): string[] {
  const commands = MCP_CLIENTS.flatMap(({ title, command }) =>
    command ? [`Connect ${title}:`, inOneLine(command(endpoint, newKey)), ''] : [],
  );
  const others = MCP_CLIENTS.filter(({ command }) => !command).map(({ title }) => title);
  return [...commands, `${others.join(', ')}: see "Connect a client" in README.md`];
}

/** For shells that continue lines in other ways. */
const inOneLine = (command: string): string => command.replaceAll(/ \\\n +/g, ' ');

function keyLine({ role, runtimeUrl }: Config, newKey: string | undefined): string {
  if (newKey !== undefined) return `${newKey}  (shown this once; keep it)`;
  return role === 'mcp'
    ? `an sk- key of ${runtimeUrl ?? 'the runtime'}`
    : 'the one you have; make another with: npx cyberun-mcp keys create';
}

function runtimeLines(config: Config, addresses: Addresses): string[] {
  return [
    'The Runtime API is ready.',
    '',
    `Base URL  ${addresses.public}/api/v1`,
    'Keys      make one with: npx cyberun-mcp keys create',
    ...consoleLines(config, addresses),
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
