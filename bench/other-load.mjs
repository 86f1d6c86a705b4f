import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

/** Linux counts CPU time in hundredths of a second. */
const TICKS_PER_SECOND = 100;

/** Measures, from its construction on, the share of the machine that other processes or the host of the machine used. */
export class OtherLoad {
  #startedAt = performance.now();
  #busy = busyTicks();
  #ours = ourTicks();

  share() {
    const others = busyTicks() - this.#busy - (ourTicks() - this.#ours);
    const seconds = (performance.now() - this.#startedAt) / 1000;
    return Math.max(0, others) / (seconds * TICKS_PER_SECOND * cpus().length);
  }
}

/** What all processes used since the machine started, and what its host kept from it. */
function busyTicks() {
  const [line] = readFileSync('/proc/stat', 'utf8').split('\n', 1);
  const [user, nice, system, , , irq, softirq, stolen] = line.split(/\s+/).slice(1).map(Number);
  return user + nice + system + irq + softirq + stolen;
}

/** What this process and everything it ever started used, ended children included. */
function ourTicks() {
  const processes = new Map();
  for (const pid of readdirSync('/proc').map(Number).filter(Boolean)) {
    const found = statOf(pid);
    if (found) processes.set(pid, found);
  }
  const isOurs = (pid) => pid === process.pid || (processes.has(pid) && isOurs(processes.get(pid).parent));
  return [...processes].reduce((sum, [pid, { ticks }]) => (isOurs(pid) ? sum + ticks : sum), 0);
}

function statOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name stands in brackets and may hold anything; the fields after it may not.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [user, system, endedUser, endedSystem] = fields.slice(11, 15).map(Number);
    return { parent: Number(fields[1]), ticks: user + system + endedUser + endedSystem };
  } catch {
    return undefined; // It has ended meanwhile.
  }
}
