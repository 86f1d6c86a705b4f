import { existsSync } from 'node:fs';

import { asksForKey, type Connection, type McpClient, MCP_CLIENTS } from '../../clients/index.js';
import { CommandError } from '../client/command-error.js';
import { note, printJson, type PrintOptions } from '../client/printing.js';
import { findServer, type Server } from '../client/server-address.js';
import { backUp, type ClientFile, isOpenToOthers, readClientFile, writeClientFile } from './client-file.js';
import { isAgreed } from './consent.js';
import { withFile } from './file-problem.js';
import { firstCall } from './first-call.js';
import { listClients } from './list-clients.js';
import { fileOf, hashOfBytes, planConnection, type PlannedConnection } from './plan.js';
import { type ChangeRecord, readRecord, writeRecord } from './records.js';
import { shownChange } from './shown-change.js';
import { undoConnection } from './undo.js';

export interface ConnectOptions extends PrintOptions {
  readonly url?: string;
  readonly undo?: true;
  readonly yes?: true;
  readonly dryRun?: true;
  readonly writeKey?: true;
}

/** `connect CLIENT`: changes the file of a client, or with `--undo` takes exactly that change back. */
export async function connectCommand(name: string | undefined, options: ConnectOptions): Promise<void> {
  const client = MCP_CLIENTS.find((each) => each.name === name);
  if (client) return options.undo ? undoConnection(client, options) : connect(client, options);
  if (options.undo)
    throw new CommandError(
      'Name the client whose change is to be undone. Example: cyberun-mcp connect cursor --undo',
    );
  await listClients(options);
}

async function connect(client: McpClient, options: ConnectOptions): Promise<void> {
  const server = await findServer(process.env, options.url);
  const url = endpointOf(server, options.url);
  const file = fileOf(client);
  const connection = connectionOf(client, { url, key: server.key }, options);
  const earlier = await earlierRecord(client, file);
  const [found, planned] = await withFile(client.title, file, async () => {
    const read = await readClientFile(file);
    return [read, planConnection(client, read, connection)] as const;
  });
  const isNews = planned.after !== planned.before;
  const diff = isNews ? shownChange(planned.before, planned.after) : '';
  const facts = { client: client.name, file, endpoint: url, diff, ...keyFacts(client, connection) };
  note(isNews ? `${client.title}: ${file}\n${diff}` : `${client.title} has this already in ${file}.`);
  if (options.dryRun || (isNews && !(await isAgreed(options)))) {
    if (options.json) printJson({ ...facts, is_changed: false });
    return;
  }
  const backup = isNews ? await change(client, found, { file, earlier, planned }) : undefined;
  if (!connection.isReference && isOpenToOthers(found))
    note(`Other users of this machine may read ${file}, which holds the key. Close it: chmod 600 ${file}`);
  note(keyNote(client, connection));
  await tryOut(client, server, options, { ...facts, is_changed: isNews, backup: backup ?? null });
}

/** What `--json` prints, beside the result of the call. */
interface ConnectionFacts {
  readonly client: string;
  readonly file: string;
  readonly endpoint: string;
  readonly diff: string;
  readonly key: string;
  readonly is_changed: boolean;
  readonly backup: string | null;
}

/** One call to the server, as the client will make it. */
async function tryOut(
  { next }: McpClient,
  server: Server,
  { json: isJson }: ConnectOptions,
  facts: ConnectionFacts,
): Promise<void> {
  const { endpoint } = facts;
  try {
    const count = await firstCall(endpoint, server);
    note(`${endpoint} accepts the key and lists ${count} tools.`);
    note(next);
    if (isJson) printJson({ ...facts, tool_count: count });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (isJson) printJson({ ...facts, tool_count: null, call_error: error.message });
    throw new CommandError(
      `The file of the client is in order, but a call fails. ${error.message} To take the change back: cyberun-mcp connect ${facts.client} --undo`,
      error.exitCode,
      { cause: error },
    );
  }
}

/** The record is written first, so that no change is without one. */
async function change(
  { name, title }: McpClient,
  found: ClientFile,
  { file, earlier, planned }: Change,
): Promise<string | undefined> {
  return withFile(title, file, async () => {
    const isUntouched = found.bytes !== undefined && earlier?.writtenHash === hashOfBytes(found.bytes);
    const backup = isUntouched ? undefined : await backUp(found);
    const record = recordOf({ file, earlier, planned }, { isUntouched, isNew: !found.bytes, backup });
    await writeRecord(name, record);
    const madeFolder = await writeClientFile(found, planned.bytes);
    if (madeFolder !== undefined) await writeRecord(name, { ...record, madeFolder });
    note(`${file} is written.${backup === undefined ? '' : ` As it was: ${backup}`}`);
    note(`To take this back: cyberun-mcp connect ${name} --undo`);
    return backup;
  });
}

interface Change {
  readonly file: string;
  /** Of a connection before this one. */
  readonly earlier: ChangeRecord | undefined;
  readonly planned: PlannedConnection;
}

/** Connected again, an undo goes back to what was there before the first time, with what has changed elsewhere since. */
function recordOf(
  { file, earlier, planned }: Change,
  { isUntouched, isNew, backup }: { isUntouched: boolean; isNew: boolean; backup: string | undefined },
): ChangeRecord {
  const writtenHash = hashOfBytes(planned.bytes);
  if (!earlier || isNew)
    return { file, writtenHash, isNew, before: planned.places, ...(backup !== undefined && { backup }) };
  if (isUntouched) return { ...earlier, writtenHash };
  const { backup: _outdated, ...kept } = earlier;
  return { ...kept, writtenHash, isNew: false };
}

/** The record of an earlier connection, which is of the same file or of one that is gone. */
async function earlierRecord({ name, title }: McpClient, file: string): Promise<ChangeRecord | undefined> {
  const earlier = await readRecord(name);
  if (!earlier || earlier.file === file) return earlier;
  if (!existsSync(earlier.file)) return undefined;
  throw new CommandError(
    `connect has changed ${earlier.file} for ${title}, and remembers one file of a client. Take that back first: cyberun-mcp connect ${name} --undo`,
  );
}

/** With the query of the option, which can name toolsets. */
function endpointOf({ url }: Server, option = ''): string {
  const { pathname, search } = URL.parse(option.trim()) ?? { pathname: '', search: '' };
  return `${url}/mcp${pathname.endsWith('/mcp') ? search : ''}`;
}

function connectionOf(
  { keyReference }: McpClient,
  { url, key }: { readonly url: string; readonly key: string },
  { writeKey }: ConnectOptions,
): Connection {
  const isReference = keyReference !== undefined && !writeKey;
  return { url, key: isReference ? keyReference : key, isReference };
}

/** Where the client gets the key from. */
const keyFacts = (client: McpClient, { isReference }: Connection) => ({
  key: !isReference ? 'in the file' : asksForKey(client) ? 'asked for' : 'CYBERUN_API_KEY',
});

function keyNote(client: McpClient, { isReference }: Connection): string {
  const { title, keyReference } = client;
  if (!isReference)
    return `The file holds the key${keyReference === undefined ? `: ${title} reads no variable for it` : ''}.`;
  if (asksForKey(client))
    return `${title} asks for the key once and keeps it in the secret storage of the system.`;
  return `${title} reads the key from CYBERUN_API_KEY, which must be set where it starts. With --write-key the file holds the key itself.`;
}
