import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { inject } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

import { chartFolder, helmPath, templateArguments } from './helm-command.js';

export { chartFolder, helmPath, templateArguments };

/** An object as Kubernetes takes it; tests look into it without its type, which types.spec.ts checks. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Manifest = Record<string, any> & { apiVersion: string; kind: string };

export const chartFile = (path: string): string => readFileSync(join(chartFolder, path), 'utf8');
export const valuesOf = (valueSet: string): object => parse(chartFile(`ci/${valueSet}`)) as object;

interface Rendered {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  manifests?: Manifest[];
}

const keyOf = (values: object, chart = chartFolder): string => JSON.stringify([chart, values]);

/** What Helm has rendered in this worker, and the sets of values in `ci`: tests ask for the same again and again. */
let known: Map<string, Rendered> | undefined;

const renderedSets = (): Map<string, Rendered> =>
  new Map(
    Object.entries(inject('renderedSets')).map(([valueSet, stdout]) => [
      keyOf(valuesOf(valueSet)),
      { status: 0, stdout, stderr: '' },
    ]),
  );

function helmTemplate(values: object, chart?: string): Rendered {
  known ??= renderedSets();
  const key = keyOf(values, chart);
  const rendered: Rendered =
    known.get(key) ??
    spawnSync(helmPath(), templateArguments(chart), { input: JSON.stringify(values), encoding: 'utf8' });
  known.set(key, rendered);
  return rendered;
}

/** What Helm renders with these values over the defaults, as text. */
export function renderText(values: object, chart?: string): string {
  const { status, stdout, stderr } = helmTemplate(values, chart);
  if (status !== 0) throw new Error(stderr);
  return stdout;
}

export const manifestsOf = (text: string): Manifest[] =>
  parseAllDocuments(text)
    .map((document) => document.toJS() as Manifest | null)
    .filter((manifest) => manifest !== null);

/** What Helm renders with these values over the defaults; tests share the objects, and only read them. */
export function render(values: object, chart?: string): Manifest[] {
  const text = renderText(values, chart);
  const rendered = helmTemplate(values, chart);
  rendered.manifests ??= manifestsOf(text);
  return rendered.manifests;
}

/** Why Helm refuses these values; fails when it does not. */
export function refusal(values: object): string {
  const { status, stderr } = helmTemplate(values);
  if (status === 0) throw new Error(`Helm accepts ${JSON.stringify(values)}`);
  return stderr;
}

/** The only object of a kind, or nothing. */
export function only(kind: string, manifests: Manifest[]): Manifest | undefined {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  if (found.length > 1) throw new Error(`${found.length} objects of kind ${kind}`);
  return found[0];
}

/** What makes pods of a role: all of the kind, or the one of that name. */
function workloadOf(values: object, role: string, name?: string): Manifest {
  const found = render(values).filter(
    ({ kind, metadata }) =>
      ['Deployment', 'DaemonSet'].includes(kind) &&
      metadata.labels['app.kubernetes.io/component'] === role &&
      (name === undefined || metadata.name === name),
  );
  const [workload] = found;
  if (workload === undefined || found.length > 1)
    throw new Error(`${found.length} workloads of role ${role}`);
  return workload;
}

/** The pod of a role and its one container, with the environment as a map. */
export function podOf(
  values: object,
  role = 'mcp',
  name?: string,
): {
  deployment: Manifest;
  pod: Manifest['spec'];
  container: Manifest['spec'];
  env: Record<string, string>;
} {
  const deployment = workloadOf(values, role, name);
  const pod = deployment['spec'].template.spec;
  const container = pod.containers.find((each: { name: string }) => each.name === 'cyberun-mcp');
  const env = Object.fromEntries(
    container.env.map((variable: { name: string; value?: string }) => [
      variable.name,
      variable.value ?? 'from elsewhere',
    ]),
  ) as Record<string, string>;
  return { deployment, pod, container, env };
}

/** Every pod that a set of values leads to: its spec, and the container of the chart's image. */
export function podsOf(
  values: object,
): { name: string; pod: Manifest['spec']; container: Manifest['spec'] }[] {
  return render(values).flatMap(({ kind, metadata, spec }) => {
    const pod = kind === 'Pod' ? spec : spec?.template?.spec;
    return pod ? [{ name: `${kind} ${metadata.name}`, pod, container: pod.containers[0] }] : [];
  });
}
