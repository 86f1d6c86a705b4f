import { asksForKey, type JsonSetting, type McpClient, type TomlTable } from './mcp-client.js';
import { MCP_CLIENTS } from './mcp-clients.js';

/** How a client is connected: a command to run, or what to write into its file. */
export interface ClientSnippet {
  readonly title: string;
  readonly language: 'sh' | 'json' | 'toml';
  /** The file that it belongs into; a command has none. */
  readonly file?: string;
  readonly text: string;
  /** What to know beside it. */
  readonly hint: string;
}

/** What a page shows in place of a key. */
const NO_KEY = 'sk-…';

/** A snippet for each client, with this endpoint; none has a key. */
export const clientSnippets = (endpoint: string): ClientSnippet[] =>
  MCP_CLIENTS.map((client) => {
    const { title, command } = client;
    const hint = [keyHint(client), client.remark].filter((each) => each !== undefined).join(' ');
    return command
      ? { title, language: 'sh', text: command(endpoint), hint }
      : { title, ...fileSnippet(client, endpoint), hint };
  });

/** What to write into the file of a client. */
export function fileSnippet(
  { form, place, keyReference }: McpClient,
  endpoint: string,
): Pick<ClientSnippet, 'text'> & { readonly language: 'json' | 'toml'; readonly file: string } {
  const connection = {
    url: endpoint,
    key: keyReference ?? NO_KEY,
    isReference: keyReference !== undefined,
  };
  const text =
    form.kind === 'json'
      ? JSON.stringify(objectOf(form.settings(connection)), null, 2)
      : tomlText(form.table(connection));
  return { language: form.kind, file: place, text };
}

/** The entry of a client, as its install link has it. */
export function installationOf(name: 'cursor' | 'vscode', endpoint: string): object {
  const client = MCP_CLIENTS.find((each) => each.name === name);
  if (client?.form.kind !== 'json') throw new Error(`${name} has no JSON`);
  const settings = client.form.settings({
    url: endpoint,
    key: client.keyReference ?? NO_KEY,
    isReference: true,
  });
  const entry = settings.find(({ itemId }) => itemId === undefined)?.value as object;
  if (name === 'cursor') return entry;
  return { name: 'cyberun', ...entry, inputs: settings.filter(isItem).map(({ value }) => value) };
}

function keyHint(client: McpClient): string {
  if (asksForKey(client)) return `${client.title} asks for the key and stores it.`;
  if (client.keyReference === undefined) return `In place of ${NO_KEY} write your key.`;
  return 'Put the key into the environment variable CYBERUN_API_KEY first.';
}

const isItem = ({ itemId }: JsonSetting): boolean => itemId !== undefined;

/** An object with these settings and nothing else. */
const objectOf = (settings: readonly JsonSetting[]): object =>
  Object.assign(
    {},
    ...settings.map(({ path, itemId, value }) =>
      path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), itemId === undefined ? value : [value]),
    ),
  ) as object;

const tomlText = ({ top, path, lines }: TomlTable): string =>
  [...top, '', `[${path.join('.')}]`, ...lines].join('\n');
