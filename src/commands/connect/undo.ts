import { rm } from 'node:fs/promises';

import type { McpClient } from '../../clients/index.js';
import { CommandError } from '../client/command-error.js';
import { note, printJson, type PrintOptions } from '../client/printing.js';
import { backUp, type ClientFile, readClientFile, removeClientFile, writeClientFile } from './client-file.js';
import { isAgreed } from './consent.js';
import { withFile } from './file-problem.js';
import { hashOfBytes, type PlannedChange, planUndo } from './plan.js';
import { type ChangeRecord, readRecord, removeRecord } from './records.js';
import { shownChange } from './shown-change.js';

interface UndoOptions extends PrintOptions {
  readonly yes?: true;
  readonly dryRun?: true;
}

/** `connect CLIENT --undo`: the same bytes as before, or the same entry as before when the file has changed elsewhere since. */
export async function undoConnection({ name, title }: McpClient, options: UndoOptions): Promise<void> {
  const record = await readRecord(name);
  if (!record)
    throw new CommandError(`connect has not changed ${title} for this user, so there is nothing to undo.`);
  const { file } = record;
  const [found, planned] = await withFile(title, file, async () => {
    const read = await readClientFile(file);
    return [read, (await originalOf(read, record)) ?? planUndo(read, record)] as const;
  });
  const isNews = found.bytes !== undefined && planned.before !== planned.after;
  const diff = isNews ? shownChange(planned.before, planned.after) : '';
  if (isNews) {
    note(`${title}: ${file}\n${diff}`);
    const isWanted = !options.dryRun && (await isAgreed(options));
    if (isWanted) await withFile(title, file, () => takeBack(found, planned, record));
    else return options.json ? printJson({ client: name, file, diff, is_changed: false }) : undefined;
  } else note(`${file} has nothing of the change any more.`);
  if (!options.dryRun) await removeRecord(name);
  if (options.json) printJson({ client: name, file, diff, is_changed: isNews });
}

/** The bytes before the change, when the file is as the change has left it. */
async function originalOf(
  { bytes }: ClientFile,
  { writtenHash, isNew, backup }: ChangeRecord,
): Promise<PlannedChange | undefined> {
  if (!bytes || hashOfBytes(bytes) !== writtenHash) return undefined;
  const before = bytes.toString('utf8');
  if (isNew) return { before, after: '', bytes: Buffer.alloc(0) };
  const original = backup === undefined ? undefined : await readClientFile(backup);
  return original?.bytes && { before, after: original.bytes.toString('utf8'), bytes: original.bytes };
}

async function takeBack(
  found: ClientFile,
  { bytes }: PlannedChange,
  { file, writtenHash, isNew, madeFolder, backup }: ChangeRecord,
): Promise<void> {
  const isUntouched = found.bytes !== undefined && hashOfBytes(found.bytes) === writtenHash;
  if (isUntouched && isNew) {
    await removeClientFile(found, madeFolder);
    note(`${file} is removed: connect had made it.`);
    return;
  }
  const copy = isUntouched ? undefined : await backUp(found);
  await writeClientFile(found, bytes);
  if (copy === undefined) {
    // The file has the same bytes now.
    if (backup !== undefined) await rm(backup, { force: true });
    note(`${file} is as it was before.`);
  } else note(`${file} is as before, with what has changed elsewhere since. As it was until now: ${copy}`);
}
