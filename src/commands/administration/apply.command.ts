import { resolve } from 'node:path';

import { type Config, readConfig, StartError } from '../../config/index.js';
import {
  type AppliedDefinition,
  openDefinitionAdministration,
  readDefinitionFiles,
} from '../../runtime/index.js';
import { printJson, type PrintOptions } from '../client/printing.js';
import { table } from '../table.js';

export interface ApplyOptions extends PrintOptions {
  readonly team?: string;
  readonly dryRun?: true;
  readonly prune?: true;
  readonly partial?: true;
}

/** Exit code when some definitions were applied and others refused. */
const PARTLY = 2;

/** `apply FOLDER…`: puts the definitions of folders into the database, and prints what became of each. */
export async function applyCommand(folders: readonly string[], options: ApplyOptions): Promise<void> {
  const { team, dryRun: isDryRun = false, prune: isPruning = false, partial: isPartial = false } = options;
  const print = options.json ? printObject : printTable;
  const settings = { team: team ?? 'default', dry_run: isDryRun };
  const { definitions, refused, warnings } = await readDefinitionFiles(folders);
  const config = readConfig('runtime');
  for (const sentence of [...warnings, ...refused.map(({ message }) => message)])
    process.stderr.write(`${sentence}\n`);
  if (refused.length > 0 && !(isPartial && definitions.length > 0)) {
    if (options.json) printObject({ ...settings, applied: [], refused, warnings });
    throw new StartError(
      `${refused.length} of ${refused.length + definitions.length} definitions are refused, so nothing is applied. Correct them${definitions.length > 0 ? ', or apply the others with --partial' : ''}.`,
    );
  }
  if (isPruning && definitions.length === 0)
    throw new StartError(
      `There is no definition in ${folders.join(', ')}, so --prune would disable all that were applied. Name the right folder.`,
    );
  await using administration = await openDefinitionAdministration(config);
  const applied = await administration.apply({ team, definitions, isDryRun, isPruning });
  print({ ...settings, applied, refused, warnings });
  const changes = applied.filter(({ change }) => change !== 'unchanged').length;
  process.stderr.write(
    `${isDryRun ? `Nothing was changed (--dry-run): ${changes} would change` : `${changes} changed`} for team ${settings.team} in ${databasePlace(config)}.\n`,
  );
  if (refused.length > 0) process.exitCode = PARTLY;
}

interface ApplyResult {
  readonly team: string;
  readonly dry_run: boolean;
  readonly applied: readonly AppliedDefinition[];
  readonly refused: readonly { readonly file: string; readonly line: number; readonly message: string }[];
  readonly warnings: readonly string[];
}

function printObject({ refused, ...rest }: ApplyResult): void {
  const faults = refused.map(({ file, line, message }) => ({ file, line, error_message: message }));
  printJson({ ...rest, refused: faults });
}

function printTable({ applied, refused }: ApplyResult): void {
  process.stdout.write(
    table([
      ['RESULT', 'KIND', 'NAME', 'VERSION', 'FILE'],
      ...applied.map(({ change, kind, slug, version, file }) => [
        change,
        kind,
        slug,
        version === undefined ? '-' : String(version),
        file ?? '-',
      ]),
      ...refused.map(({ file, line }) => ['refused', '-', '-', '-', `${file}:${line}`]),
    ]),
  );
}

/** The database as a part of a sentence. */
export const databasePlace = ({ databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>): string =>
  databaseUrl === undefined ? `the data folder ${resolve(dataDir)}` : 'the database of CYBERUN_DATABASE_URL';
