import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';

import { type McpClient, MCP_CLIENTS } from '../../clients/index.js';
import { note, printJson, printTable, type PrintOptions } from '../client/printing.js';
import { fileOf } from './plan.js';
import { readRecord } from './records.js';

/** `connect` alone: the clients, and what there is of them on this machine. */
export async function listClients({ json: isJson }: PrintOptions): Promise<void> {
  const clients = await Promise.all(
    MCP_CLIENTS.map(async (client) => {
      const record = await readRecord(client.name);
      const file = record?.file ?? fileOf(client);
      return {
        client: client.name,
        title: client.title,
        state: stateOf(client, file, record !== undefined),
        file,
      };
    }),
  );
  if (isJson) return printJson({ client_list: clients });
  printTable(
    ['CLIENT', 'NAME', 'STATE', 'FILE'],
    clients.map(({ client, title, state, file }) => [client, title, state, file]),
  );
  note('Connect one with: cyberun-mcp connect <client>');
}

function stateOf({ program }: McpClient, file: string, isConnected: boolean): string {
  if (isConnected) return existsSync(file) ? 'connected' : 'file is gone';
  const folder = dirname(file);
  const isThere = existsSync(file) || (folder !== homedir() && existsSync(folder));
  return isThere || isOnPath(program) ? 'installed' : 'not found';
}

const EXTENSIONS = process.platform === 'win32' ? ['.exe', '.cmd', '.bat'] : [''];

function isOnPath(program: string | undefined): boolean {
  if (program === undefined) return false;
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .some((folder) => EXTENSIONS.some((extension) => existsSync(join(folder, program + extension))));
}
