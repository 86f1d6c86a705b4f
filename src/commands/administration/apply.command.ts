import { resolve } from 'node:path';

import { type Config, readConfig, StartError } from '../../config/index.js';
import {
  type AppliedDefinition,
  openDefinitionAdministration,
  readDefinitionFiles,
} from '../../runtime/index.js';
import { table } from '../table.js';

export interface ApplyOptions {
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
  const { definitions, refused, warnings } = await readDefinitionFiles(folders);
  const config = readConfig('runtime');
  for (const sentence of [...warnings, ...refused.map(({ message }) => message)])
    process.stderr.write(`${sentence}\n`);
  if (refused.length > 0 && !(isPartial && definitions.length > 0))
    throw new StartError(
      `${refused.length} of ${refused.length + definitions.length} definitions are refused, so nothing is applied. Correct them${definitions.length > 0 ? ', or apply the others with --partial' : ''}.`,
    );
  if (isPruning && definitions.length === 0)
    throw new StartError(
      `There is no definition in ${folders.join(', ')}, so --prune would disable all that were applied. Name the right folder.`,
    );
  await using administration = await openDefinitionAdministration(config);
  const applied = await administration.apply({ team, definitions, isDryRun, isPruning });
  print(applied, refused);
  const changes = applied.filter(({ change }) => change !== 'unchanged').length;
  process.stderr.write(
    `${isDryRun ? `Nothing was changed (--dry-run): ${changes} would change` : `${changes} changed`} for team ${team ?? 'default'} in ${databasePlace(config)}.\n`,
  );
  if (refused.length > 0) process.exitCode = PARTLY;
}

function print(
  applied: readonly AppliedDefinition[],
  refused: readonly { readonly file: string; readonly line: number }[],
): void {
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
