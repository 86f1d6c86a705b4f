// What is not planned: processes that end without a word.
import { join } from 'node:path';

import { completed, submit, taskOf } from '../client.mjs';
import { check, run, until } from '../commands.mjs';
import { underLoad } from './under-load.mjs';

const ROLES = ['mcp', 'runtime', 'agent'];
/** A client that repeats a call finds another pod before this. */
const OUTAGE_MS = 15_000;
const RUNS = 4;

/** Kills the first process of a pod's container, as the kernel does when memory is short. */
export async function kill(machine, release, pod) {
  const { spec, status } = await release.get('pod', pod);
  const [{ containerID, restartCount }] = status.containerStatuses;
  const socket = join(machine.state, 'nodes', spec.nodeName, 'containerd.sock');
  const id = containerID.replace('containerd://', '');
  await run('ctr', ['-a', socket, '-n', 'k8s.io', 'task', 'kill', '--signal', 'SIGKILL', id], machine.inEnv);
  await until(`${pod} has been started again`, async () => {
    const now = (await release.get('pod', pod)).status.containerStatuses[0];
    return now.restartCount > restartCount && now.ready;
  });
}

/** Failed calls cannot be avoided; they must end soon, and no task may be lost. */
export async function kills({ releases: { team }, machine }) {
  await team.ensure();
  const times = [];
  const load = await underLoad(team, async () => {
    for (const role of ROLES) {
      const [pod] = await team.podsOf(role);
      times.push(Date.now());
      await kill(machine, team, pod);
    }
  });
  const delays = load.failures.map(({ at }) => at - Math.max(...times.filter((time) => time <= at)));
  const longest = Math.max(0, ...delays);
  check(longest < OUTAGE_MS, `a call failed ${longest} ms after a kill: ${load.reasons}`);
  const seconds = (longest / 1000).toFixed(1);
  return `${ROLES.join(', ')} killed: ${load.failures.length} of ${load.calls} calls failed, the last one ${seconds} s after a kill; ${load.tasks.length} of ${load.tasks.length} tasks completed`;
}

/** Agents that are replaced finish their runs; those of an agent that is killed begin anew. */
export async function agents({ releases: { team }, machine }) {
  await team.ensure();
  const drained = await runningTasks(team);
  await team.restart();
  for (const before of drained) {
    const after = await completed(team, before.id);
    check(after.interrupted_count === 0, `task ${before.id} was interrupted by a planned restart`);
  }
  const interrupted = await runningTasks(team);
  const [pod] = await team.podsOf('agent');
  await kill(machine, team, pod);
  for (const { id } of interrupted) await completed(team, id);
  return `replaced: ${drained.length} of ${drained.length} runs went on to their end; killed: ${interrupted.length} of ${interrupted.length} tasks completed`;
}

/** Tasks that run on agents now, for a while. */
async function runningTasks(release) {
  const ids = [];
  for (let index = 0; index < RUNS; index++)
    ids.push(await submit(release, 'sleep', { seconds: 20, steps: 20 }));
  return until('every task runs', async () => {
    const tasks = await Promise.all(ids.map((id) => taskOf(release, id)));
    return tasks.every(({ task_status: status }) => status === 'running') && tasks;
  });
}
