// Each mode from nothing to a file that went there and back.
import { story } from '../client.mjs';

/** Installs a release, and does what its chart's test and a person do. */
async function installed(release) {
  await release.install();
  const tested = await release.test();
  return `helm test: ${tested.split('\n').at(-1)}; ${await story(release)}`;
}

export const team = ({ releases }) => installed(releases.team);

/** In front of the runtime of the team; its links are those of the team. */
export async function gateway({ releases }) {
  await releases.team.ensure();
  return installed(releases.gateway);
}

export const trial = ({ releases }) => installed(releases.trial);
