import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { z } from 'zod';

import { CommandError } from '../client/command-error.js';
import { parsedText } from '../client/json-text.js';
import { loginPath } from '../client/login-file.js';

const jsonPlace = z.object({
  path: z.array(z.string()).readonly(),
  itemId: z.string().exactOptional(),
  /** The value as it was written; absent when there was none. */
  source: z.string().exactOptional(),
  /** How many of the objects and lists above it were there. */
  parents: z.number(),
});

const tomlPlace = z.object({
  path: z.array(z.string()).readonly(),
  /** The lines of the table; absent when there was none. */
  source: z.string().exactOptional(),
  /** Whether an empty line was put before it. */
  hasGap: z.boolean(),
  /** Lines that were added before the first table. */
  top: z.array(z.string()).readonly(),
});

const changeRecord = z.object({
  file: z.string(),
  /** SHA-256 of the file after the change. */
  writtenHash: z.string(),
  /** Whether the change made the file, and the topmost folder that it made for it. */
  isNew: z.boolean(),
  madeFolder: z.string().exactOptional(),
  /** The file as it was before, unless it has changed elsewhere since. */
  backup: z.string().exactOptional(),
  before: z.union([z.array(jsonPlace).readonly(), tomlPlace]),
});

/** What was in the place of a JSON setting before. */
export type JsonPlace = z.infer<typeof jsonPlace>;
/** What was in the place of a TOML table before. */
export type TomlPlace = z.infer<typeof tomlPlace>;
/** What `connect` has done to a file, to be undone. */
export type ChangeRecord = z.infer<typeof changeRecord>;

const pathOf = (client: string): string => join(dirname(loginPath()), 'connect', `${client}.json`);

export async function readRecord(client: string): Promise<ChangeRecord | undefined> {
  const path = pathOf(client);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const { data } = changeRecord.safeParse(parsedText(text));
  if (data) return data;
  throw new CommandError(
    `${path}, which says what connect has changed, is damaged. Remove it; then take the change back by hand, or from the copy beside the file of the client (….backup).`,
  );
}

/** It may hold a key that was in the file, so only its user may read it. */
export async function writeRecord(client: string, record: ChangeRecord): Promise<void> {
  await mkdir(dirname(pathOf(client)), { recursive: true, mode: 0o700 });
  await writeFile(pathOf(client), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
}

export const removeRecord = (client: string): Promise<void> => rm(pathOf(client), { force: true });
