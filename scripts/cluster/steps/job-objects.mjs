// The Jobs of a task, as Kubernetes has them.
import { check, until } from '../commands.mjs';

/** Names of its Jobs, the first attempt first. */
export async function jobsOf(release, id) {
  const { items } = await release.get('jobs');
  const names = items.map(({ metadata }) => metadata.name);
  return names.filter((name) => name.startsWith(`cy-${id}`)).sort();
}

export function checkIsJobOf(name, id, attempt) {
  check(name === `cy-${id}-${attempt}`, `the Job of attempt ${attempt} of task ${id} is ${name}`);
}

/** The Job of an attempt and its pod, once this runs. */
export async function podOf(release, id, attempt = 1, seconds = 240) {
  const job = `cy-${id}-${attempt}`;
  return until(
    `${job} has a pod`,
    async () => {
      const { items } = await release.get('pods', '-l', `job-name=${job}`);
      const found = items.find(({ status }) => status.phase === 'Running');
      return found && { job, pod: found.metadata.name, node: found.spec.nodeName };
    },
    { seconds },
  );
}
