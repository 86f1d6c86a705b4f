import { expect, it, vi } from 'vitest';

import type { PodConnection } from './pod-gateway.js';
import { PodLink } from './pod-link.js';

const name = { task_id: '0199f3a2-7c1d-7e10-8a55-0123456789ab', attempt: 1 };

const linkWith = (): PodLink =>
  new PodLink({
    name,
    order: undefined,
    bundles: { passOn: () => Promise.resolve() },
    reported: () => Promise.resolve(),
    orderIsLost: () => undefined,
  });

const connection = () => {
  const destroy = vi.fn();
  const session = { closed: false, destroyed: false, destroy };
  return { destroy, pod: { session, hasRun: false } as unknown as PodConnection };
};

it('the next connection of a pod ends the former one', () => {
  const link = linkWith();
  const former = connection();
  const next = connection();
  link.connected(former.pod);
  expect(former.destroy).not.toHaveBeenCalled();
  link.connected(next.pod);
  expect(former.destroy).toHaveBeenCalledOnce();
  expect(next.destroy).not.toHaveBeenCalled();
  expect(link.isConnected).toBe(true);
});
