// What is planned: every Deployment is replaced at once, and nodes are drained one after the other.
import { checkNoneFailed, underLoad } from './under-load.mjs';

export async function rolling({ releases: { team }, rounds }) {
  await team.ensure();
  const load = await underLoad(team, async () => {
    for (let round = 1; round <= rounds; round++) {
      await team.restart();
      console.log(`update ${round} of ${rounds} is done`);
    }
  });
  return `${rounds} updates of endpoint, runtime and agents: ${checkNoneFailed(load)}`;
}

export async function drain({ releases: { team }, machine }) {
  await team.ensure();
  const load = await underLoad(team, async () => {
    for (const node of machine.nodes) {
      await machine.kubectl(
        'drain',
        node,
        '--ignore-daemonsets',
        '--delete-emptydir-data',
        '--force',
        '--timeout=300s',
      );
      await team.ready();
      await machine.kubectl('uncordon', node);
    }
  }).finally(() => machine.kubectl('uncordon', ...machine.nodes));
  return `${machine.nodes.length} nodes, one after the other: ${checkNoneFailed(load)}`;
}
