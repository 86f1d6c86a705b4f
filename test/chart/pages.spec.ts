import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { MarkdownFile } from '../support/documents.js';
import { helmPath, type Manifest, manifestsOf } from './chart.js';

/** What the commands of the pages call; the shell finds no other program. */
const PROGRAMS = 'helm kubectl docker npm npx curl tar pg_dump psql pg_restore claude'.split(' ');
const PAGES = ['README.md', 'docs/deploy.md', 'docs/operate.md', 'docs/security.md'];
const ONLY_IN_A_CLUSTER = /^--(?:wait|create-namespace)$|^--timeout(?:=|$)/;

const folder = mkdtempSync(join(tmpdir(), 'cyberun-pages-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes the values of a page: each YAML block that begins with the name of its file. */
function writeValues(page: MarkdownFile): void {
  for (const { text } of page.snippets('yaml')) {
    const [, name] = /^# ([\w-]+\.yaml)\n/.exec(text) ?? [];
    if (name !== undefined) writeFileSync(join(folder, name), text);
  }
}

/** The words of each call in the shell blocks of a page, as the shell splits them. */
function callsOf(page: MarkdownFile): string[][] {
  const calls = join(folder, 'calls');
  const recorded = PROGRAMS.map(
    (name) => `${name}() { printf '%s\\0' ${name} "$@" >>"$CALLS"; echo >>"$CALLS"; }`,
  );
  const script = ['set -eu', ...recorded, ...page.snippets('sh').map(({ text }) => text)].join('\n');
  writeFileSync(calls, '');
  const env = { PATH: folder, CALLS: calls, CYBERUN_API_KEY: 'sk-x', CYBERUN_DATABASE_URL: 'postgresql://x' };
  const { status, stderr } = spawnSync('/bin/sh', ['-c', script], { env, encoding: 'utf8' });
  expect([status, stderr], page.path).toEqual([0, '']);
  const lines = readFileSync(calls, 'utf8').split('\0\n').slice(0, -1);
  return lines.map((line) => line.split('\0'));
}

/** What a command of Helm installs; fails with its message when Helm refuses the values. */
function installed([verb = '', release = '', chart = '', ...options]: string[]): Manifest[] {
  expect(['install', 'upgrade']).toContain(verb);
  expect(chart).toBe('./helm');
  const kept = options.filter((word, at) => !ONLY_IN_A_CLUSTER.test(word) && options[at - 1] !== '--timeout');
  const words = kept.map((word) => (word.endsWith('.yaml') ? join(folder, word) : word));
  const { status, stdout, stderr } = spawnSync(helmPath(), ['template', release, chart, ...words], {
    cwd: packagePaths.root,
    encoding: 'utf8',
  });
  expect([status, stderr], `helm ${verb} ${release} ${options.join(' ')}`).toEqual([0, '']);
  return manifestsOf(stdout);
}

/** Name and key of every Secret that pods read. */
function secretsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { secretKeyRef } = value as { secretKeyRef?: { name: string; key: string } };
  const own = secretKeyRef ? [`${secretKeyRef.name}/${secretKeyRef.key}`] : [];
  return [...own, ...Object.values(value).flatMap(secretsOf)];
}

/** What a command of kubectl names: objects as kind/name, and Secrets that it makes as name/key. */
function namesIn(words: string[]): { objects: string[]; secrets: string[] } {
  const claim = words.indexOf('persistentvolumeclaim');
  const objects = words.filter((word) => /^(?:deployment|service)\/[a-z-]+$/.test(word));
  if (claim > 0) objects.push(`persistentvolumeclaim/${words[claim + 1]}`);
  const secret = words[words.indexOf('generic') + 1];
  const keys = words.flatMap((word) => /^--from-literal=([^=]+)=/.exec(word)?.[1] ?? []);
  return { objects, secrets: keys.map((key) => `${secret}/${key}`) };
}

it('Helm takes every command of the pages, and kubectl gets only names that they install', () => {
  const pages = PAGES.map((path) => new MarkdownFile(path));
  pages.forEach(writeValues);
  const calls = pages.flatMap(callsOf);
  const helm = calls.filter(([program]) => program === 'helm').map(([, ...words]) => words);
  const changes = helm.filter(([verb = '']) => ['install', 'upgrade'].includes(verb));
  expect(changes.length).toBeGreaterThan(6);
  const manifests = changes.flatMap(installed);
  const releases = new Set(changes.map(([, release]) => release));
  for (const [verb, release] of helm) expect(releases, `helm ${verb}`).toContain(release);

  const objects = manifests.map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`);
  const secrets = secretsOf(manifests);
  const kubectl = calls.filter(([program]) => program === 'kubectl').map(namesIn);
  expect(kubectl.length).toBeGreaterThan(10);
  expect(objects).toEqual(expect.arrayContaining(kubectl.flatMap((names) => names.objects)));
  expect(secrets).toEqual(expect.arrayContaining(kubectl.flatMap((names) => names.secrets)));
});
