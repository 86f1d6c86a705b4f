import { statfs } from 'node:fs/promises';

import { type Finding, broken, passed, warned } from './finding.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
/** The database writes its log in files of 16 MiB; with less a server soon stops. */
const LEAST_BYTES = 64 * MIB;

/** Another Node would not have come here. */
export const checkNode = (): Promise<Finding> =>
  Promise.resolve(passed('node', `Node ${process.versions.node} on ${process.platform} ${process.arch}.`));

/** Room on the disk of a folder. */
export async function checkDisk(folder: string): Promise<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const bytes = bavail * bsize;
  const seen = `${bytes < GIB ? `${Math.floor(bytes / MIB)} MiB` : `${(bytes / GIB).toFixed(1)} GiB`} are free on the disk of ${folder}.`;
  const remedy = 'Free some space, or set CYBERUN_DATA_DIR to a folder on a larger disk.';
  if (bytes < LEAST_BYTES) return broken('disk', seen, remedy);
  return bytes < GIB ? warned('disk', seen, remedy) : passed('disk', seen);
}

/** Another clock. */
export interface SeenClock {
  /** As in `the database`. */
  readonly of: string;
  /** How far it is ahead of that of this machine. */
  readonly aheadMs: number;
}

/** No release is older. */
const FIRST_RELEASE = Date.UTC(2026, 0, 1);
/** A header has whole seconds, and is on its way for a while. */
const NEAR_MS = 5000;
/** File links, access tokens and requests to an object store are refused at some minutes. */
const FAR_MS = 120_000;
const ADVICE = 'Set the clock of the machine that is wrong, and let NTP keep it (timedatectl set-ntp true).';

/** Whether the clock of this machine is right, by the others that were seen. */
export function clockFinding(clocks: readonly SeenClock[], now = Date.now()): Finding {
  const time = new Date(now).toISOString().replace(/\.\d+/, '');
  if (now < FIRST_RELEASE)
    return broken('clock', `This machine says ${time}, before this program was made.`, ADVICE);
  const texts = clocks.map(({ of, aheadMs }) => `that of ${of} ${differenceText(aheadMs)}`);
  const seen = `This machine says ${time}; ${texts.length > 0 ? texts.join(', ') : 'no other clock was asked'}.`;
  const largest = Math.max(0, ...clocks.map(({ aheadMs }) => Math.abs(aheadMs)));
  if (largest > FAR_MS) return broken('clock', seen, ADVICE);
  return largest > NEAR_MS ? warned('clock', seen, ADVICE) : passed('clock', seen);
}

function differenceText(aheadMs: number): string {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  if (seconds <= NEAR_MS / 1000) return 'agrees';
  return `is ${seconds} s ${aheadMs > 0 ? 'ahead' : 'behind'}`;
}
