import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';

import type { Connection, Machine, McpClient } from '../../clients/index.js';
import type { ClientFile } from './client-file.js';
import { restoreJson, setJson } from './json-edit.js';
import type { ChangeRecord } from './records.js';
import { readText, withFormat } from './text-format.js';
import { restoreToml, setToml } from './toml-edit.js';

/** A change of a file, not made yet. */
export interface PlannedChange {
  readonly before: string;
  readonly after: string;
  readonly bytes: Buffer;
}

/** A change that connects a client. */
export interface PlannedConnection extends PlannedChange {
  /** What was in its place. */
  readonly places: ChangeRecord['before'];
}

export const thisMachine = (): Machine => ({
  platform: process.platform,
  home: homedir(),
  environment: process.env,
});

/** The file of a client: the one that exists, or the one to make. */
export function fileOf({ name, files }: McpClient, machine = thisMachine()): string {
  const all = files(machine);
  const file = all.find((path) => existsSync(path)) ?? all[0];
  if (file === undefined) throw new Error(`${name} has no files`);
  return file;
}

/** The change that connects a client. */
export function planConnection(
  { form }: McpClient,
  { bytes = Buffer.alloc(0) }: Pick<ClientFile, 'bytes'>,
  connection: Connection,
): PlannedConnection {
  const { text, format } = readText(bytes);
  const { text: after, before: places } =
    form.kind === 'json'
      ? setJson(text, form.settings(connection), format)
      : setToml(text, form.table(connection), format);
  return { before: text, after, bytes: withFormat(after, format), places };
}

/** The change that puts back what a connection has changed, and nothing else. */
export function planUndo(
  { bytes = Buffer.alloc(0) }: Pick<ClientFile, 'bytes'>,
  { before: places }: ChangeRecord,
): PlannedChange {
  const { text, format } = readText(bytes);
  const after = 'path' in places ? restoreToml(text, places) : restoreJson(text, places);
  return { before: text, after, bytes: withFormat(after, format) };
}

export const hashOfBytes = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
