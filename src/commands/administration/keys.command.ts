import { resolve } from 'node:path';

import { type Config, readConfig, SettingError } from '../../config/index.js';
import {
  type CredentialSummary,
  checkNewCredential,
  isDataDir,
  openKeyAdministration,
  openNewKeyAdministration,
} from '../../runtime/index.js';
import { printJson, type PrintOptions } from '../client/printing.js';
import { table } from '../table.js';

export interface CreateOptions extends PrintOptions {
  readonly kind: 'integration' | 'agent';
  readonly name: string;
  readonly expiresInDays?: string;
  readonly permissions?: string;
  readonly readOnly?: true;
  readonly team?: string;
}

const DAYS = /^[1-9]\d{0,2}$/;
const YEAR_DAYS = 365;

/** `keys create`: prints the key alone on a line of standard output, the rest on standard error. */
export async function createKey(options: CreateOptions): Promise<void> {
  const { kind, name, expiresInDays, team, json: isJson, ...may } = options;
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
    team,
  };
  checkNewCredential(wanted);
  const config = readConfig('runtime');
  const isNew = !(await isDataDir(config.dataDir));
  // A team that was made before is in a database that exists.
  const open = team === undefined ? openNewKeyAdministration : openKeyAdministration;
  await using keys = await open(config);
  const issued = await keys.create(wanted);
  const { id, raw_key } = issued;
  if (isJson) printJson(issued);
  else process.stdout.write(`${raw_key}\n`);
  const owner = team === undefined ? '' : ` of team ${team}`;
  process.stderr.write(
    `Key ${id} (${name})${owner} is shown this once; keep it. It is good for ${place(config, isNew)}\n`,
  );
}

function permissionsOf({ permissions, readOnly }: Pick<CreateOptions, 'permissions' | 'readOnly'>) {
  if (readOnly) return { permissions: [] };
  return permissions === undefined ? {} : { permissions: permissions.split(',').map((word) => word.trim()) };
}

export interface ListKeysOptions extends PrintOptions {
  readonly team?: string;
}

/** `keys list`: a table without secrets, of every team or of one. */
export async function listKeys({ team, json: isJson }: ListKeysOptions): Promise<void> {
  await using keys = await openKeyAdministration(readConfig('runtime'));
  const rows = await keys.list(team);
  if (isJson) return printJson({ credentials: rows });
  const titles = ['ID', 'KIND', 'PREFIX', 'STATUS', 'PERMISSIONS', 'EXPIRES', 'TEAM', 'NAME'];
  process.stdout.write(
    table([
      titles,
      ...rows.map((row) => [
        row.id,
        row.kind,
        row.key_prefix,
        row.key_status,
        mayOf(row),
        row.expires_at ?? 'never',
        row.team,
        row.display_name,
      ]),
    ]),
  );
}

/** `keys revoke ID`: the key's next request is refused. */
export async function revokeKey(id: string, { json: isJson }: PrintOptions): Promise<void> {
  await using keys = await openKeyAdministration(readConfig('runtime'));
  if (!(await keys.revoke(id))) {
    throw new SettingError(`There is no key ${id}. See the ids with: cyberun-mcp keys list`);
  }
  if (isJson) return printJson({ id, key_status: 'revoked' });
  process.stderr.write(`Key ${id} is revoked.\n`);
}

function mayOf({ kind, permissions }: CredentialSummary): string {
  if (kind === 'agent') return '-';
  return permissions.length === 0 ? 'read-only' : permissions.join(',');
}

/** `teams create NAME`. */
export async function createTeam(name: string, { json: isJson }: PrintOptions): Promise<void> {
  await using keys = await openNewKeyAdministration(readConfig('runtime'));
  await keys.createTeam(name);
  if (isJson) return printJson({ name });
  process.stderr.write(
    `Team ${name} is made. Its first key is made with: cyberun-mcp keys create --team ${name}\n`,
  );
}

/** `teams list`: a table. */
export async function listTeams({ json: isJson }: PrintOptions): Promise<void> {
  await using keys = await openKeyAdministration(readConfig('runtime'));
  const teams = await keys.teams();
  if (isJson) return printJson({ teams });
  process.stdout.write(
    table([
      ['NAME', 'KEYS', 'CREATED', 'ID'],
      ...teams.map(({ id, name, created_at, key_count }) => [name, String(key_count), created_at, id]),
    ]),
  );
}

/** Names the folder, since a key made in the wrong folder looks like any other. */
function place({ databaseUrl, dataDir }: Pick<Config, 'databaseUrl' | 'dataDir'>, isNew: boolean): string {
  if (databaseUrl !== undefined) return 'every server on the database of CYBERUN_DATABASE_URL.';
  const folder = resolve(dataDir);
  return isNew
    ? `the server on ${folder}, a data folder made just now: for a server on another one, set CYBERUN_DATA_DIR.`
    : `the server on ${folder}.`;
}
