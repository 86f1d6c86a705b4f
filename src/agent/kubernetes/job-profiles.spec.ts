import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { JobProfiles } from './job-profiles.js';

function fileOf(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'profiles-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'profiles.yaml'), text);
  return join(folder, 'profiles.yaml');
}

const PROFILES = `
profiles:
  - name: a100
    labels: [gpu, a100]
    nodeSelector: { accelerator: a100 }
    tolerations: [{ key: nvidia.com/gpu, operator: Exists, effect: NoSchedule }]
    resources: { requests: { cpu: 2, memory: 8Gi }, limits: { memory: 8Gi, nvidia.com/gpu: 1 } }
    runtimeClassName: nvidia
    localQueue: gpu-queue
  - { name: any-gpu, labels: [gpu] }
  - { name: default }
`;

it('a run is given the profile that offers its labels and the fewest others', () => {
  const profiles = JobProfiles.read(fileOf(PROFILES), ['local']);
  expect(profiles.labels).toEqual(['local', 'gpu', 'a100']);
  const named = (...labels: string[]): string | undefined => profiles.for(labels)?.name;
  expect([named('gpu'), named('a100', 'local'), named('local'), named()]).toEqual([
    'any-gpu',
    'a100',
    'default',
    'default',
  ]);
  expect(named('arm')).toBeUndefined();
  expect(profiles.for(['a100'])?.resources).toEqual({
    requests: { cpu: '2', memory: '8Gi' },
    limits: { memory: '8Gi', 'nvidia.com/gpu': '1' },
  });
});

it('labels that no single profile offers together have no profile', () => {
  const profiles = JobProfiles.of(
    [
      { name: 'gpu', labels: ['gpu'] },
      { name: 'arm', labels: ['arm'] },
    ],
    ['local'],
  );
  expect(profiles.labels).toEqual(['local', 'gpu', 'arm']);
  expect(profiles.for(['gpu', 'arm'])).toBeUndefined();
});

it('without a file there is one profile, with limits', () => {
  expect(JobProfiles.read(undefined, ['local']).for(['local'])).toMatchObject({
    name: 'default',
    startSeconds: 900,
    diskSize: '10Gi',
    resources: { limits: { memory: '2Gi' } },
  });
});

it.each([
  ['', 'FILE: it must have a list by the name of profiles. Example: profiles: ['],
  ['[]', 'FILE: it must have a list by the name of profiles.'],
  ['profile: []', 'FILE: profiles must be array'],
  ['profiles: []', 'FILE: profiles '],
  ['profiles: [{ name: a b }]', 'FILE: profiles[0].name must be 1 to 63 letters, digits, dots, hyphens.'],
  [
    'profiles: [{ name: a, nodeSelektor: {} }]',
    'FILE: profiles[0].nodeSelektor is not known here; what may be here is name, labels, nodeSelector, tolerations,',
  ],
  [
    'profiles: [{ name: a, tolerations: [{ taint: x }] }]',
    'FILE: profiles[0].tolerations[0].taint is not known here; what may be here is key, operator, value, effect,',
  ],
  ['profiles: [{ name: a, image: x }]', 'FILE: profiles[0].image is not known here'],
  ['profiles: [{ name: a }, { name: a }]', 'FILE: there are two profiles with the name a.'],
  [
    'profiles: [{ name: a, diskSize: 10 GB }]',
    'FILE: profiles[0].diskSize must be a size such as 10Gi or 500Mi.',
  ],
  ['profiles: [{ name: a, diskSize: 10 }]', 'FILE: profiles[0].diskSize must be string'],
  [
    'profiles: [{ name: a, runAsUser: 0 }]',
    'FILE: profiles[0].runAsUser must be the number of a user other than root, or cluster.',
  ],
  ['profiles: [', 'FILE is not YAML: '],
])('a file with %j is refused in a sentence', (text, sentence) => {
  const file = fileOf(text);
  const read = (): string => {
    try {
      return JobProfiles.read(file, []).labels.join(' ');
    } catch (error) {
      return (error as Error).message.replaceAll(file, 'FILE');
    }
  };
  expect(read()).toContain(sentence);
});

it('a file that cannot be read is refused', () => {
  expect(() => JobProfiles.read('/nonexistent.yaml', [])).toThrow(
    /^The file of the profiles cannot be read: ENOENT/,
  );
});
