import type { V1Pod } from '@kubernetes/client-node';
import { expect, it } from 'vitest';

import { mainEndOf } from './main-end.js';

const podWith = (status: object, memory = '1073741824'): V1Pod => ({
  spec: { containers: [{ name: 'agent' }, { name: 'main', resources: { limits: { memory } } }] },
  status,
});
const mainIn = (state: object): V1Pod =>
  podWith({
    phase: 'Running',
    containerStatuses: [
      { name: 'agent', state: { running: {} } },
      { name: 'main', state },
    ],
  });

it.each([
  ['has not been made', podWith({ phase: 'Pending' })],
  ['waits for its image', mainIn({ waiting: { reason: 'ContainerCreating' } })],
  ['runs', mainIn({ running: {} })],
])('a step whose container %s has not ended', (_how, pod) => {
  expect(mainEndOf(pod)).toBeUndefined();
});

it.each([
  ['succeeded', { exitCode: 0, reason: 'Completed' }, { type: 'ended', exit_code: 0 }],
  ['failed', { exitCode: 3, reason: 'Error' }, { type: 'ended', exit_code: 3 }],
  [
    'ran out of memory',
    { exitCode: 137, reason: 'OOMKilled' },
    { type: 'ended', exit_code: 137, reason: 'it needed more memory than its limit of 1024Mi' },
  ],
  [
    'has no such program',
    { exitCode: 128, reason: 'StartError', message: 'exec: "/bin/sh": stat /bin/sh:\n no such file.' },
    { type: 'unstartable', reason: 'exec: "/bin/sh": stat /bin/sh: no such file' },
  ],
  ['was lost with its node', { exitCode: 137, reason: 'ContainerStatusUnknown' }, undefined],
])('how a step ends that %s is read from the status of its pod', (_how, terminated, end) => {
  expect(mainEndOf(mainIn({ terminated }))).toEqual(end);
});
