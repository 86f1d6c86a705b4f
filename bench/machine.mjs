import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem, type } from 'node:os';

import { round } from './budget.mjs';

const GIBIBYTE = 1_073_741_824;

/** Where the figures were taken, in words. */
export function describeMachine(isPinned) {
  const all = cpus();
  return {
    node: `Node ${process.versions.node}`,
    cpu: `${all.length} × ${all[0].model.trim()}`,
    memory: `${round(totalmem() / GIBIBYTE)} GiB`,
    system: `${type()} ${release()}${inContainer() ? ', virtual or in a container' : ''}`,
    pinning: isPinned
      ? 'servers on core 0, load on the last core'
      : 'not pinned: no taskset or a single core',
    loadBefore: `load average ${loadavg().map(round).join(', ')} before the run`,
  };
}

const inContainer = () => / hypervisor/.test(readFileSync('/proc/cpuinfo', 'utf8'));

/** What was measured; a plus says that not everything in it was committed. */
export function describeCommit() {
  const git = (...args) =>
    spawnSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).stdout?.trim() ?? '';
  const isChanged = git('status', '--porcelain', '--untracked-files=no', '--', '../src') !== '';
  return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? '+' : ''}`;
}
