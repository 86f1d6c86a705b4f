import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';
import type { z } from 'zod';

import { packagePaths } from '../../src/config/index.js';

import { chartFolder, type Manifest, render, valuesOf } from './chart.js';
import { CUSTOM_RESOURCES } from './custom-resources.js';

const valueSets = ['defaults', ...readdirSync(join(chartFolder, 'ci'))];
const rendered = valueSets.map((valueSet) => ({
  valueSet,
  manifests: render(valueSet === 'defaults' ? {} : valuesOf(valueSet)),
}));

type Model = new (data: object) => { validate(): void };

/** Models of what the chart may hold; another group is one more line here. */
const MODELS: Record<string, () => Promise<object>> = {
  v1: () => import('kubernetes-models/v1'),
  'apps/v1': () => import('kubernetes-models/apps/v1'),
  'batch/v1': () => import('kubernetes-models/batch/v1'),
  'autoscaling/v2': () => import('kubernetes-models/autoscaling/v2'),
  'networking.k8s.io/v1': () => import('kubernetes-models/networking.k8s.io/v1'),
  'policy/v1': () => import('kubernetes-models/policy/v1'),
  'rbac.authorization.k8s.io/v1': () => import('kubernetes-models/rbac.authorization.k8s.io/v1'),
};

const customResource = ({ apiVersion, kind }: Manifest): z.ZodType | undefined =>
  CUSTOM_RESOURCES.get(`${apiVersion} ${kind}`);

async function validate(manifest: Manifest): Promise<void> {
  const schema = customResource(manifest);
  if (schema) return void schema.parse(manifest);
  const models = (await MODELS[manifest.apiVersion]?.()) as Record<string, Model | undefined> | undefined;
  const Kind = models?.[manifest.kind];
  if (!Kind) throw new Error(`Kubernetes has no ${manifest.kind} in ${manifest.apiVersion}`);
  new Kind(manifest).validate();
}

/** The manifests as TypeScript: the compiler refuses fields that Kubernetes does not know, which schemas let pass. */
function asSource(manifests: Manifest[]): string {
  return manifests
    .filter((manifest) => !customResource(manifest))
    .map(({ apiVersion, kind, ...rest }, index) => {
      const type = `import('kubernetes-models/${apiVersion}').I${kind}`;
      return `export const _${index}: ${type} = ${JSON.stringify({ apiVersion, kind, ...rest }, null, 1)};`;
    })
    .join('\n');
}

function compile(name: string, source: string): string {
  const folder = join(packagePaths.root, 'node_modules', '.cache', `chart-types-${name}`);
  mkdirSync(folder, { recursive: true });
  try {
    writeFileSync(join(folder, 'manifests.ts'), source);
    const options = { noEmit: true, strict: true, skipLibCheck: true, module: 'nodenext', types: [] };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, files: ['manifests.ts'] }),
    );
    const tsc = join(packagePaths.root, 'node_modules', 'typescript', 'bin', 'tsc');
    return spawnSync(process.execPath, [tsc, '--project', folder], { encoding: 'utf8' }).stdout;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe.each(rendered)('with $valueSet', ({ manifests }) => {
  it.each(manifests)('the rendered $kind is valid', async (manifest) => {
    await expect(validate(manifest)).resolves.toBeUndefined();
  });

  it('every rendered object is in the namespace of the release and has its labels', () => {
    for (const { metadata } of manifests) {
      expect(metadata.namespace).toBe('team');
      expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/instance': 'release' });
    }
  });
});

it('the sets of values lead to every custom resource that the chart may make', () => {
  const kinds = rendered.flatMap(({ manifests }) => manifests.filter(customResource).map(({ kind }) => kind));
  expect(new Set(kinds).size).toBe(CUSTOM_RESOURCES.size);
});

it('Kubernetes knows every field of the rendered objects', () => {
  expect(compile('rendered', asSource(rendered.flatMap(({ manifests }) => manifests)))).toBe('');
});

it('the check of the fields finds a misspelt one', async () => {
  const [pod] = [{ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'a', readinesProbe: {} }] } }];
  expect(compile('misspelt', asSource([pod]))).toContain('readinesProbe');
  await expect(validate({ apiVersion: 'v1', kind: 'Pod', spec: { containers: 'one' } })).rejects.toThrow(
    'array',
  );
});
