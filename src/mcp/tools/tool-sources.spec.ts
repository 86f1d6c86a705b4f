import { afterEach, expect, it, vi } from 'vitest';

import { UpstreamError, type UpstreamFailure } from '../../upstream/index.js';
import type { ToolRegistry, Viewer } from './tool-registry.js';
import { ToolSources } from './tool-sources.js';
import type { Toolsets } from './toolsets.js';

const failure = (kind: UpstreamFailure, status?: number): UpstreamError =>
  new UpstreamError(kind, { error_message: 'No.' }, { operation: 'list', status });
const tool = {
  name: 'run_it',
  title: 'It',
  description: 'Runs it',
  inputSchema: {},
  runs: 'run',
  argumentsOf: () => ({}),
  whenLost: 'Look.',
  origin: 'it',
};

afterEach(() => void vi.restoreAllMocks());

it.each<[UpstreamFailure, number | undefined, boolean]>([
  ['unreachable', undefined, true],
  ['timeout', undefined, true],
  ['cancelled', undefined, true],
  ['rejected', 503, true],
  ['rejected', 429, true],
  ['rejected', undefined, false],
  ['rejected', 401, false],
  ['invalid', undefined, false],
])('after a failure of kind %s with status %s, that tools of before are kept is %s', async (...given) => {
  const [kind, status, isKept] = given;
  const registry = {
    find: (name: string) => (name === 'run' ? { metadata: {}, listing: {} } : undefined),
    listFor: () => ({ tools: [] }),
    isOffered: () => true,
  } as unknown as ToolRegistry;
  const toolsets = { declare: () => undefined, includes: () => true } as unknown as Toolsets;
  const sources = new ToolSources(registry, toolsets);
  const toolsFor = vi.fn().mockResolvedValueOnce([tool]).mockRejectedValue(failure(kind, status));
  sources.add({ toolset: 'mine', toolsFor });
  const viewer = { toolsets: 'mine', auth: { token: 'sk-key', keyHash: 'key' } } as unknown as Viewer;
  const names = async (): Promise<unknown[]> =>
    (await sources.listFor(viewer)).tools.map((listed) => Reflect.get(listed, 'name'));
  expect(await names()).toEqual(['run_it']);
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 6000);
  if (isKept) expect(await names()).toEqual(['run_it']);
  else await expect(names()).rejects.toThrow('The tools of the toolset "mine" could not be listed. No.');
  expect(toolsFor).toHaveBeenCalledTimes(2);
});
