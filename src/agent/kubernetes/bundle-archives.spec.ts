import { mkdtemp, rm } from 'node:fs/promises';
import type { ClientHttp2Session } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished, vi } from 'vitest';

import { BundleArchives } from './bundle-archives.js';

it('a bundle that the agent does not have any more is not passed on', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cyberun-archives-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const request = vi.fn();
  const session = { request } as unknown as ClientHttp2Session;
  const bundle = { hash: '0'.repeat(64), size: 1 };
  expect(await new BundleArchives(folder).passOn(bundle, session)).toBe(false);
  expect(request).not.toHaveBeenCalled();
});
