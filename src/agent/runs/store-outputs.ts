import type { OutputFile } from '../../contract/index.js';
import { bounded, type FoundOutput } from './outputs.js';
import { FileNotKept, upload, type Upload } from './transfers.js';

/** So many links are asked for at once: signing all of a large run's would hold up everything else. */
const BATCH = 50;

/** What storing outputs takes. */
export interface OutputStore {
  /** Where to store these files. */
  readonly uploads: (files: readonly OutputFile[]) => Promise<readonly Upload[]>;
  readonly signal: AbortSignal;
}

/** Stores the files of a run. Returns those that are kept, and a sentence about each that cannot be. */
export async function storeOutputs(
  outputs: readonly FoundOutput[],
  { uploads, signal }: OutputStore,
): Promise<{ readonly files: readonly OutputFile[]; readonly warnings: readonly string[] }> {
  const files: OutputFile[] = [];
  const warnings: string[] = [];
  for (let start = 0; start < outputs.length; start += BATCH) {
    const batch = outputs.slice(start, start + BATCH);
    const links = new Map((await uploads(batch.map(({ file }) => file))).map((link) => [link.name, link]));
    for (const output of batch) {
      const { name } = output.file;
      const link = links.get(name);
      if (!link) throw new Error(`the gateway gave no upload link for ${name}`);
      const reason = await upload(output, link, signal).catch(reasonOf);
      if (typeof reason === 'string') warnings.push(`Output "${name}" is not kept: ${reason}.`);
      else files.push(output.file);
    }
  }
  return { files, warnings: bounded(warnings) };
}

function reasonOf(error: unknown): string {
  if (error instanceof FileNotKept) return error.message;
  throw error;
}
