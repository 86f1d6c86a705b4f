import { expect, it, vi } from 'vitest';

import type { RunOrder } from '../../contract/index.js';
import type { PodConnection } from './pod-gateway.js';
import { PodLink } from './pod-link.js';

const name = { task_id: '0199f3a2-7c1d-7e10-8a55-0123456789ab', attempt: 1 };

const linkWith = (order?: RunOrder, orderIsLost = (): void => undefined): PodLink =>
  new PodLink({
    name,
    order,
    // Others that were used later have taken its place.
    bundles: { passOn: () => Promise.resolve(false) },
    reported: () => Promise.resolve(),
    orderIsLost,
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

it('a run whose workflow has files that the agent does not have any more is given back at once', async () => {
  const isLost = Promise.withResolvers<void>();
  const bundle = { hash: '0'.repeat(64), size: 1 };
  const order = { ...name, steps: [], parameters: {}, files: [], timeout_seconds: 0, bundle };
  const link = linkWith(order, isLost.resolve);
  link.connected(connection().pod);
  link.open({ holdSeconds: 30, logBytes: 0, takesWaits: true });
  await expect(isLost.promise).resolves.toBeUndefined();
});
