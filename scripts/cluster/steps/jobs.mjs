// Runs as Jobs: what comes out of them, and what becomes of them when something goes wrong.
import { resolve } from 'node:path';

import { callTool, completed, ended, story, submit, taskOf } from '../client.mjs';
import { check, run, until } from '../commands.mjs';
import { BRIDGE } from '../machine.mjs';
import { checkIsJobOf, jobsOf, podOf } from './job-objects.mjs';

const REPOSITORY = resolve(import.meta.dirname, '../../..');
const SUITE = 'test/processes/executors.e2e-spec.ts';
const SUITE_NAMESPACE = 'executors';
const SUITE_SECONDS = 1200;
/** The registry is asked for two minutes. */
const PULL_SECONDS = 300;

export async function jobs({ releases: { jobs: release } }) {
  await release.install();
  return `helm test: ${(await release.test()).split('\n').at(-1)}; ${await story(release)}`;
}

/** What is promised of a run wherever it takes place, with an agent of this machine whose pods are in the cluster. */
export async function suite({ machine }) {
  const metadata = { name: SUITE_NAMESPACE };
  await machine.apply({ apiVersion: 'v1', kind: 'Namespace', metadata });
  const { repository, tag } = machine.image;
  const image = `docker.io/library/${repository}:${tag}`;
  const cluster = { kubeconfig: machine.env.KUBECONFIG, namespace: SUITE_NAMESPACE, address: BRIDGE, image };
  const vitest = resolve(REPOSITORY, 'node_modules/vitest/vitest.mjs');
  const said = await run(process.execPath, [vitest, 'run', '--project', 'processes', SUITE], {
    cwd: REPOSITORY,
    env: { ...process.env, TEST_CLUSTER: JSON.stringify(cluster), NO_COLOR: '1' },
    seconds: SUITE_SECONDS,
  });
  await machine.kubectl('delete', 'namespace', SUITE_NAMESPACE, '--timeout=180s');
  const [tests] = /(?<=Tests +)\d.*/.exec(said) ?? [];
  check(tests, `the suite did not say how many tests it ran: ${said.slice(-200)}`);
  return `outputs, progress, log, exit code, time limit and cancel of shells and containers: ${tests}`;
}

/** How runs end that do not end well. */
export async function ends({ releases: { jobs: release } }) {
  await release.ensure();
  const cases = [repeated, cancelled, tooLarge, withoutImage, withoutNode];
  return (await Promise.all(cases.map((one) => one(release)))).join('; ');
}

async function repeated(release) {
  const id = await submit(release, 'fail', { succeed_at: 2 });
  const task = await completed(release, id);
  check(task.attempt_count === 2, `a run that fails once had ${task.attempt_count} attempts`);
  const [first] = await jobsOf(release, id);
  checkIsJobOf(first, id, 1);
  return 'failed once: repeated as a second Job';
}

async function cancelled(release) {
  const id = await submit(release, 'sleep', { seconds: 600 });
  const { job, pod } = await podOf(release, id);
  await callTool(release, 'cancel_task', { task_id: id });
  const { task_status: status } = await ended(release, id);
  check(status === 'cancelled', `a cancelled task is ${status}`);
  await until('the Job of a cancelled task is gone, with its pod', async () => {
    const left = await release.kubectl('get', `job/${job}`, `pod/${pod}`, '--ignore-not-found', '-o', 'name');
    return left === '';
  });
  return 'cancelled: Job and pod are gone';
}

async function tooLarge(release) {
  const id = await submit(release, 'memory');
  const { task_status: status, task_error: error } = await ended(release, id);
  check(
    status === 'failed' && /memory .*512 ?Mi/.test(error),
    `a run above its memory is ${status}: ${error}`,
  );
  return `out of memory: "${error}"`;
}

async function withoutImage(release) {
  const id = await submit(release, 'no-image');
  const { task_status: status, task_error: error } = await ended(release, id, PULL_SECONDS);
  check(
    status === 'failed' && error.includes('registry.invalid'),
    `a run without image is ${status}: ${error}`,
  );
  return `no image: "${error.slice(0, 160)}"`;
}

async function withoutNode(release) {
  const id = await submit(release, 'huge');
  const reason = await until('a run that no node can take says why it waits', async () => {
    const task = await taskOf(release, id);
    return task.status_reason?.includes('Insufficient cpu') && task.status_reason;
  });
  await callTool(release, 'cancel_task', { task_id: id });
  return `unschedulable: "${reason}"`;
}
