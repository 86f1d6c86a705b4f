import { afterEach, expect, it, vi } from 'vitest';

import { UpstreamError, type UpstreamFailure } from '../../upstream/index.js';
import type { ToolRegistry, Viewer } from './tool-registry.js';
import { type KeyTool, ToolSources } from './tool-sources.js';
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

/** The sources of a registry that has only the tool which is run. */
function sourcesWith(
  toolsFor: (caller: { readonly key: string }) => Promise<readonly KeyTool[]>,
): ToolSources {
  const registry = {
    find: (name: string) => (name === 'run' ? { metadata: {}, listing: {} } : undefined),
    listFor: () => ({ tools: [] }),
    isOffered: () => true,
  } as unknown as ToolRegistry;
  const toolsets = { declare: () => undefined, includes: () => true } as unknown as Toolsets;
  const sources = new ToolSources(registry, toolsets);
  sources.add({ toolset: 'mine', toolsFor });
  return sources;
}

/** A user for whom a key is used; with a key of their own, the user is the key. */
const viewerOf = (key: string, keyHash = key): Viewer =>
  ({ toolsets: 'mine', auth: { token: key, keyHash, runtimeKeyHash: key } }) as unknown as Viewer;

const namesFor = async (sources: ToolSources, viewer: Viewer): Promise<unknown[]> =>
  (await sources.listFor(viewer)).tools.map((listed) => Reflect.get(listed, 'name'));

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

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
  const toolsFor = vi.fn().mockResolvedValueOnce([tool]).mockRejectedValue(failure(kind, status));
  const sources = sourcesWith(toolsFor);
  const names = (): Promise<unknown[]> => namesFor(sources, viewerOf('sk-key'));
  expect(await names()).toEqual(['run_it']);
  vi.spyOn(Date, 'now').mockReturnValue(Date.now() + 6000);
  if (isKept) expect(await names()).toEqual(['run_it']);
  else await expect(names()).rejects.toThrow('The tools of the toolset "mine" could not be listed. No.');
  expect(toolsFor).toHaveBeenCalledTimes(2);
});

it('users for whom one key is used share a look at its tools, and those of another key see other tools', async () => {
  vi.useFakeTimers();
  const byKey: Record<string, readonly KeyTool[]> = {
    'sk-team': [tool],
    'sk-other': [{ ...tool, name: 'run_other' }],
  };
  const toolsFor = vi.fn(({ key }: { readonly key: string }) => Promise.resolve(byKey[key] ?? []));
  const sources = sourcesWith(toolsFor);
  const [ann, ben, cid] = [
    viewerOf('sk-team', 'ann'),
    viewerOf('sk-team', 'ben'),
    viewerOf('sk-other', 'cid'),
  ];
  const lists = [ann, ben, cid].map((viewer) => namesFor(sources, viewer));
  expect(await Promise.all(lists)).toEqual([['run_it'], ['run_it'], ['run_other']]);
  expect(toolsFor).toHaveBeenCalledTimes(2);

  const changed: string[] = [];
  const end = sources.watch(ann, () => changed.push('ann'));
  sources.watch(ben, () => changed.push('ben'));
  sources.watch(cid, () => changed.push('cid'));
  byKey['sk-team'] = [{ ...tool, title: 'Changed' }];
  await vi.advanceTimersByTimeAsync(5000);
  expect(changed).toEqual(['ann', 'ben']);
  expect(toolsFor).toHaveBeenCalledTimes(4);

  // The first of them leaves, and the look goes on.
  end();
  byKey['sk-team'] = [];
  await vi.advanceTimersByTimeAsync(5000);
  expect(changed).toEqual(['ann', 'ben', 'ben']);
  expect(await Promise.all([ben, cid].map((viewer) => namesFor(sources, viewer)))).toEqual([
    [],
    ['run_other'],
  ]);
});
