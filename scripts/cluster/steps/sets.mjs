// The API server's own validation of what the chart renders from each of its sets of values.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

import { parseAllDocuments } from 'yaml';

import { run } from '../commands.mjs';
import { CHART } from '../releases.mjs';

const NAMESPACE = 'sets';

export async function sets({ machine }) {
  await machine.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const known = new Set((await machine.kubectl('api-versions')).split('\n'));
  const files = readdirSync(join(CHART, 'ci'));
  let [taken, left] = [0, 0];
  for (const file of files) {
    const args = ['template', 'sets', CHART, '--namespace', NAMESPACE, '--values', join(CHART, 'ci', file)];
    const objects = parseAllDocuments(await machine.helm(args)).map((document) => document.toJS());
    const items = objects.filter((object) => object && known.has(object.apiVersion)).map(fitted);
    await accept(machine, file, items);
    taken += items.length;
    left += objects.filter(Boolean).length - items.length;
  }
  return `${files.length} sets of values: ${taken} objects accepted, ${left} of kinds that this cluster does not have`;
}

/** As far as this cluster can take it: without IPv6, and a pod is refused where its ServiceAccount is not made first. */
function fitted(object) {
  const { ipFamilies: _families, ipFamilyPolicy: _policy, ...spec } = object.spec ?? {};
  if (object.kind === 'Service') return { ...object, spec };
  if (object.kind === 'Pod') return { ...object, spec: { ...object.spec, serviceAccountName: 'default' } };
  return object;
}

/** Strictly: a field that does not exist is an error. */
function accept(machine, file, items) {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  return run('kubectl', ['apply', '--dry-run=server', '--validate=strict', '-f', '-'], {
    ...machine.inEnv,
    input,
  }).catch((error) => {
    throw new Error(`${file}: ${error.message}`, { cause: error });
  });
}
