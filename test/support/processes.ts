import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

const POLL_MS = 50;

/** Waits for something to become true; an error while asking means "not yet". */
export async function until(isTrue: () => Promise<boolean>, limitMs = 120_000): Promise<void> {
  const end = Date.now() + limitMs;
  let last: unknown;
  while (Date.now() < end) {
    const answer = await isTrue().catch((error: unknown) => {
      last = error;
      return false;
    });
    if (answer) return;
    await delay(POLL_MS);
  }
  throw new Error(`did not become true within ${limitMs} ms`, { cause: last });
}

/** Children of a process, zombies left out. */
export async function childrenOf(parent: number | undefined): Promise<number[]> {
  const children: number[] = [];
  for (const pid of await processIds()) {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // The command's name stands in brackets and may hold anything; the fields after it may not.
    const [state, parentId] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state !== 'Z' && Number(parentId) === parent) children.push(pid);
  }
  return children;
}

/** Processes that run for one of these tasks, found by the environment they were given. */
export async function processesOfTasks(taskIds: Iterable<string>): Promise<number[]> {
  const wanted = [...taskIds].map((id) => `CYBERUN_TASK_ID=${id}`);
  const found: number[] = [];
  for (const pid of await processIds()) {
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (wanted.some((entry) => environment.includes(entry))) found.push(pid);
  }
  return found;
}

async function processIds(): Promise<number[]> {
  return (await readdir('/proc')).map(Number).filter((pid) => pid > 0);
}
