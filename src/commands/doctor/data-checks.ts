import { resolve } from 'node:path';

import { type Config, packageVersion } from '../../config/index.js';
import {
  type DatabaseFacts,
  inspectDatabaseServer,
  inspectDataDir,
  inspectEmbeddedDatabase,
  lockHolder,
  type RunningServer,
} from '../../runtime/index.js';
import { type Finding, broken, passed, warned } from './finding.js';

const MIB = 1024 * 1024;

/** Whether a server uses the data folder, and which. */
export function checkServer({ role }: Config, running: RunningServer | undefined): Finding {
  if (!running) return passed('server', 'No server runs on this data folder.');
  const { process_id, version, url } = running;
  const seen = `Process ${process_id} serves role ${running.role}, version ${version}, at ${url}.`;
  if (running.role !== role)
    return warned('server', seen, `Look with its role: cyberun-mcp doctor --role ${running.role}`);
  if (version !== packageVersion)
    return warned('server', seen, `Start it again for version ${packageVersion}, which is installed here.`);
  return passed('server', seen);
}

/** The data folder as a start would find it. */
export async function checkDataFolder(
  { dataDir }: Config,
  running: RunningServer | undefined,
): Promise<Finding> {
  const check = 'data folder';
  const inspected = inspectDataDir(dataDir);
  // A user who may ask the server, such as root, need not own the folder.
  const facts = running ? await inspected.catch(() => undefined) : await inspected;
  const folder = facts?.folder ?? resolve(dataDir);
  if (facts && facts.nearest !== folder)
    return passed(check, `${folder} is not there yet; serve makes it in ${facts.nearest}.`);
  if (facts?.isOpen)
    return warned(
      check,
      `Other users may open ${folder}.`,
      `A start closes it to them; to do it now: chmod 700 ${folder}`,
    );
  if (running)
    return passed(check, `${folder} is used by the running server (process ${running.process_id}).`);
  const holder = await lockHolder(folder);
  if (holder !== undefined)
    return broken(
      check,
      `${folder} is in use by ${holder}, which does not answer at its admin socket.`,
      'If it has only just started, run doctor again; otherwise stop it, or set CYBERUN_DATA_DIR to another folder.',
    );
  return passed(check, `${folder} can be written by this user alone, and is not in use.`);
}

/** The database in the data folder: by its server, or a copy of it when none runs. */
export async function checkEmbeddedDatabase(
  { dataDir }: Config,
  running: RunningServer | undefined,
): Promise<Finding | Finding[]> {
  const place = 'PGlite in the data folder';
  if (running) return databaseFinding(place, running.database);
  const facts = await inspectDataDir(dataDir).catch(() => undefined);
  // What is wrong with the folder, or who uses it, is a finding of its own.
  if (!facts || (await lockHolder(facts.folder).catch(() => 'another process')) !== undefined) return [];
  const stopped = await inspectEmbeddedDatabase(facts.folder).catch(async (error: unknown) => {
    // A server that has started meanwhile has changed the files.
    if ((await lockHolder(facts.folder)) === undefined) throw error;
    return 'in use' as const;
  });
  if (stopped === 'in use') return [];
  if (!stopped) return passed('database', `${place}: there is none yet; serve makes it.`);
  const { version, bytes, facts: seen } = stopped;
  if (seen) return databaseFinding(place, seen);
  const size = `${Math.round(bytes / MIB)} MiB`;
  return passed(
    'database',
    `${place}: files of PostgreSQL ${version}, ${size}; too large to open a copy of it.`,
  );
}

/** What doctor asks the server of CYBERUN_DATABASE_URL; asked once for several findings. */
type ServerLook = ReturnType<typeof inspectDatabaseServer>;
export const lookAtServer = (url: string): ServerLook => inspectDatabaseServer(url);

/** The database of CYBERUN_DATABASE_URL. */
export async function checkDatabaseServer(look: ServerLook): Promise<Finding[]> {
  const { place, lacks, facts } = await look;
  const missing = lacks.map((right) =>
    broken(
      'database',
      `The user of CYBERUN_DATABASE_URL ${right} at ${place}.`,
      'Let the owner of the database grant it, or name a user that owns the database.',
    ),
  );
  return [...(facts ? [databaseFinding(`PostgreSQL at ${place}`, facts)] : []), ...missing];
}

function databaseFinding(place: string, { version, migrations }: DatabaseFacts): Finding {
  const { done, pending, unknown } = migrations;
  if (unknown.length > 0)
    return broken(
      'database',
      `${place}: a newer version of cyberun-mcp than ${packageVersion} has written it (${unknown.join(', ')}).`,
      'Start that version, or name another database.',
    );
  const seen = `${place}: version ${version}`;
  if (done.length === 0) return passed('database', `${seen}, without tables; serve makes them.`);
  if (pending.length === 0) return passed('database', `${seen}, ${done.length} migrations, up to date.`);
  return warned(
    'database',
    `${seen}, of an older version of cyberun-mcp: ${pending.length} of ${done.length + pending.length} migrations are missing.`,
    'The next start of a server makes them (or: cyberun-mcp migrate). Back the database up first.',
  );
}
