// Runs as Jobs while what they depend on goes away: their agent, the API server, their node.
import { completed, submit, taskOf } from '../client.mjs';
import { check, until } from '../commands.mjs';
import { podOf } from './job-objects.mjs';
import { kill } from './kills.mjs';

const RUNS = 3;
/** Kubernetes sees the loss after 20 seconds, the agent looks once a minute. */
const LOSS_SECONDS = 360;

/** The agent that makes the Jobs is another process afterwards, which finds them. */
export const successors = (context) => inTurn(context, [agentKilled, agentReplaced]);

export const losses = (context) => inTurn(context, [apiServerKilled, nodeLost]);

async function inTurn({ releases: { jobs: release }, machine }, cases) {
  await release.ensure();
  const figures = [];
  for (const one of cases) figures.push(await one(release, machine));
  return figures.join('; ');
}

/** Runs that have begun in their pods, and go on for a while. */
async function runs(release, seconds) {
  const ids = [];
  for (let index = 0; index < RUNS; index++)
    ids.push(await submit(release, 'sleep', { seconds, steps: seconds }));
  const hasBegun = async (id) => (await taskOf(release, id)).task_status === 'running';
  for (const id of ids) await until(`task ${id} runs`, () => hasBegun(id), { seconds: 240 });
  return ids;
}

/** Each had one attempt, which was not interrupted. */
async function checkWentOn(release, ids, what) {
  for (const id of ids) {
    const { attempt_count: attempts, interrupted_count: interrupted } = await completed(release, id);
    check(
      attempts === 1 && interrupted === 0,
      `${what}: task ${id} had ${attempts} attempts and ${interrupted} interruptions`,
    );
  }
  return `${what}: ${ids.length} of ${ids.length} runs went on to their end`;
}

async function agentKilled(release, machine) {
  const ids = await runs(release, 30);
  const [agent] = await release.podsOf('agent');
  await kill(machine, release, agent);
  return checkWentOn(release, ids, 'agent killed');
}

async function agentReplaced(release) {
  const ids = await runs(release, 40);
  const deployments = (await release.deployments()).filter((name) => name.includes('agent'));
  for (const name of deployments) await release.kubectl('rollout', 'restart', `deployment/${name}`);
  await release.ready();
  return checkWentOn(release, ids, 'agent replaced');
}

/** Runs begun before, and a task submitted meanwhile. */
async function apiServerKilled(release, machine) {
  const ids = await runs(release, 20);
  await machine.killApiServer();
  let later;
  try {
    later = await submit(release, 'sleep', { seconds: 1 });
    for (const id of ids) await completed(release, id);
    const { task_status: status } = await taskOf(release, later);
    check(status === 'queued', `a task that was submitted without an API server is ${status}`);
  } finally {
    await machine.startApiServer();
  }
  return checkWentOn(release, [...ids, later], 'API server away');
}

/** On the node where nothing of the release is, so that the loss is of the run alone. */
async function nodeLost(release, machine) {
  const lost = machine.nodes.at(-1);
  const others = machine.nodes.slice(0, -1);
  await machine.kubectl('cordon', ...others);
  const id = await submit(release, 'sleep', { seconds: 60, steps: 60 });
  const { node } = await podOf(release, id).finally(() => machine.kubectl('uncordon', ...others));
  check(node === lost, `the pod of a run is on ${node}, not on ${lost}`);
  const start = Date.now();
  try {
    await machine.setLink(lost, 'down');
    const again = await podOf(release, id, 2, LOSS_SECONDS);
    const seconds = Math.round((Date.now() - start) / 1000);
    const { attempt_count: attempts, interrupted_count: interrupted } = await completed(release, id);
    check(
      attempts === 2 && interrupted === 1,
      `node lost: ${attempts} attempts and ${interrupted} interruptions`,
    );
    return `node lost: begun anew on ${again.node} after ${seconds} s`;
  } finally {
    await machine.setLink(lost, 'up');
    await machine.nodeIs(lost, true);
  }
}
