import { resolve } from 'node:path';

import { readConfig, SettingError } from './config/index.js';
import {
  type CredentialSummary,
  checkNewCredential,
  isDataDir,
  openKeyAdministration,
  openNewKeyAdministration,
} from './runtime/index.js';

export interface CreateOptions {
  readonly kind: 'integration' | 'agent';
  readonly name: string;
  readonly expiresInDays?: string;
  readonly permissions?: string;
  readonly readOnly?: true;
}

const DAYS = /^[1-9]\d{0,2}$/;
const YEAR_DAYS = 365;

/** `keys create`: prints the key alone on a line of standard output, the rest on standard error. */
export async function createKey({ kind, name, expiresInDays, ...may }: CreateOptions): Promise<void> {
  if (expiresInDays !== undefined && !(DAYS.test(expiresInDays) && Number(expiresInDays) <= YEAR_DAYS)) {
    throw new SettingError(
      `--expires-in-days is "${expiresInDays}", but must be 1 to 365. Example: --expires-in-days 30`,
    );
  }
  const wanted = {
    kind,
    display_name: name,
    ...(expiresInDays === undefined ? {} : { expires_in_days: Number(expiresInDays) }),
    ...permissionsOf(may),
  };
  checkNewCredential(wanted);
  const { dataDir } = readConfig('runtime');
  const isNew = !(await isDataDir(dataDir));
  await using keys = await openNewKeyAdministration({ dataDir });
  const { id, raw_key } = await keys.create(wanted);
  process.stdout.write(`${raw_key}\n`);
  process.stderr.write(
    `Key ${id} (${name}) is shown this once; keep it. It is good for the server on ${place(dataDir, isNew)}\n`,
  );
}

function permissionsOf({ permissions, readOnly }: Pick<CreateOptions, 'permissions' | 'readOnly'>) {
  if (readOnly) return { permissions: [] };
  return permissions === undefined ? {} : { permissions: permissions.split(',').map((word) => word.trim()) };
}

/** `keys list`: a table without secrets. */
export async function listKeys(): Promise<void> {
  await using keys = await openKeyAdministration(readConfig('runtime'));
  const rows = await keys.list();
  process.stdout.write(
    `${table(
      rows.map((row) => [
        row.id,
        row.kind,
        row.key_prefix,
        row.key_status,
        mayOf(row),
        row.expires_at ?? 'never',
        row.display_name,
      ]),
    )}\n`,
  );
}

/** `keys revoke ID`: the key's next request is refused. */
export async function revokeKey(id: string): Promise<void> {
  await using keys = await openKeyAdministration(readConfig('runtime'));
  if (!(await keys.revoke(id))) {
    throw new SettingError(`There is no key ${id}. See the ids with: cyberun-mcp keys list`);
  }
  process.stderr.write(`Key ${id} is revoked.\n`);
}

function mayOf({ kind, permissions }: CredentialSummary): string {
  if (kind === 'agent') return '-';
  return permissions.length === 0 ? 'read-only' : permissions.join(',');
}

/** Names the folder, since a key made in the wrong folder looks like any other. */
function place(dataDir: string, isNew: boolean): string {
  const folder = resolve(dataDir);
  return isNew
    ? `${folder}, a data folder made just now: for a server on another one, set CYBERUN_DATA_DIR.`
    : `${folder}.`;
}

function table(rows: readonly (readonly string[])[]): string {
  const all = [['ID', 'KIND', 'PREFIX', 'STATUS', 'PERMISSIONS', 'EXPIRES', 'NAME'], ...rows];
  const widths =
    all[0]?.map((_title, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
