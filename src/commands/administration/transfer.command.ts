import { createReadStream, createWriteStream } from 'node:fs';
import { rm, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { readConfig, StartError } from '../../config/index.js';
import { type ExportCounts, openTransfer } from '../../runtime/index.js';
import { printJson, type PrintOptions } from '../client/printing.js';
import { table } from '../table.js';

export interface TransferCommandOptions extends PrintOptions {
  readonly withoutFiles?: true;
}

/** `export FILE`: the table goes to standard output, or to standard error when the archive does. */
export async function exportCommand(file: string, options: TransferCommandOptions): Promise<void> {
  const withFiles = options.withoutFiles !== true;
  const output = file === '-' ? process.stdout : undefined;
  if (output?.isTTY)
    throw new StartError('An export is not text: name a file, or send it to another program.');
  if (output && options.json)
    throw new StartError('Standard output cannot take both the export and JSON. Name a file for the export.');
  if (!output) await refuseExisting(file);
  await using transfer = await openTransfer(readConfig('runtime'), 'export');
  const { stream, counts } = transfer.export({ withFiles });
  if (output) await pipeline(stream, output, { end: false });
  else await writeNew(file, stream);
  if (options.json) printJson({ file, ...counts, files_in_bucket: transfer.usesBucket });
  else (output ? process.stderr : process.stdout).write(table(rowsOf([counts], ['TABLE', 'ROWS EXPORTED'])));
  const secrets = `It holds parameters and results of tasks, hashes of keys, and secrets of definitions and file links: keep it like a password${output ? '' : ' (only this user can read it)'}.`;
  process.stderr.write(`${secrets}\n${filesSentence(transfer.usesBucket, withFiles)}\n`);
}

/** `import FILE`. */
export async function importCommand(
  file: string,
  { withoutFiles, json: isJson }: TransferCommandOptions,
): Promise<void> {
  const source = file === '-' ? process.stdin : await openExport(file);
  await using transfer = await openTransfer(readConfig('runtime'), 'import');
  const { exported, imported, released } = await transfer.import(source, {
    withFiles: withoutFiles !== true,
  });
  if (isJson) printJson({ exported, imported, released_tasks: released });
  else process.stdout.write(table(rowsOf([exported, imported], ['TABLE', 'ROWS EXPORTED', 'ROWS IMPORTED'])));
  if (released > 0)
    process.stderr.write(
      `${released} task(s) were with an agent at the export; they run again from the beginning.\n`,
    );
  if (transfer.usesBucket && exported.files > 0)
    process.stderr.write(
      `The ${exported.files} files of the export were not imported, since files are kept in an object store here. Take them out (tar -xzf FILE files) and copy what is in the folder files into the bucket: their paths are their keys.\n`,
    );
}

async function refuseExisting(file: string): Promise<void> {
  if (!(await stat(file).catch(() => undefined))) return;
  throw new StartError(`${file} exists already. Name another file, or remove it first.`);
}

async function writeNew(file: string, stream: Readable): Promise<void> {
  try {
    await pipeline(stream, createWriteStream(file, { flags: 'wx', mode: 0o600, flush: true }));
  } catch (error) {
    await rm(file, { force: true });
    const { code, syscall, message } = error as NodeJS.ErrnoException;
    if (code === undefined || (syscall !== 'open' && syscall !== 'write')) throw error;
    throw new StartError(`${file} cannot be written: ${message}.`);
  }
}

async function openExport(file: string): Promise<Readable> {
  if ((await stat(file).catch(() => undefined))?.isFile()) return createReadStream(file);
  throw new StartError(
    `There is no file ${file}. Name a file that cyberun-mcp export has written, or - for standard input.`,
  );
}

function rowsOf(counts: readonly ExportCounts[], titles: readonly string[]): string[][] {
  const names = Object.keys(counts[0]?.rows ?? {});
  return [
    [...titles],
    ...names.map((name) => [name, ...counts.map(({ rows }) => String(rows[name] ?? 0))]),
    ['files', ...counts.map(({ files, file_bytes }) => `${files} (${file_bytes} bytes)`)],
  ];
}

function filesSentence(usesBucket: boolean, withFiles: boolean): string {
  if (usesBucket)
    return 'Files are in the object store and are not in the export: give the new servers the same CYBERUN_S3_… settings.';
  return withFiles
    ? 'The files of this data folder are in it; files in the data folders of other servers are not.'
    : 'Files are not in it (--without-files).';
}
