// From the chart of an earlier commit to this one, and back.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { completed, story, submit } from '../client.mjs';
import { run } from '../commands.mjs';
import { CHART } from '../releases.mjs';
import { checkNoneFailed, underLoad } from './under-load.mjs';

export async function upgrade({ releases: { upgrade: release }, machine, previous }) {
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-chart-'));
  try {
    const reference = previous ?? (await earlierChart());
    const archive = join(folder, 'chart.tar');
    await run('git', ['archive', '--output', archive, reference, 'helm'], { cwd: CHART + '/..' });
    await run('tar', ['--extract', '--file', archive, '--directory', folder]);
    await release.install(join(folder, 'helm'));
    await ranTask(release);
    const there = await underLoad(release, async () => {
      await release.upgrade();
      await release.ready();
    });
    await release.test();
    await story(release);
    const back = await underLoad(release, async () => {
      await machine.helm(['rollback', release.name, '1', '--namespace', release.name, '--timeout', '6m']);
      await release.ready();
    });
    await ranTask(release);
    return `from ${reference.slice(0, 12)}: ${checkNoneFailed(there)}; back: ${checkNoneFailed(back)}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The chart of then need not lead links of the image of now to the runtime. */
const ranTask = async (release) => completed(release, await submit(release, 'sleep', { seconds: 1 }));

/** The last release, or the chart of the change of its values before the last one. */
async function earlierChart() {
  const inChart = { cwd: CHART };
  const tags = await run('git', ['tag', '--list', 'v*', '--sort=-version:refname'], inChart);
  return (
    tags.split('\n')[0] ||
    run('git', ['log', '-1', '--skip=1', '--format=%H', '--', 'values.schema.json'], inChart)
  );
}
