import { join } from 'node:path';

import { format } from 'prettier';
import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { chartFile, chartFolder, only, refusal, render } from './chart.js';
import { schemaOf, tableOf, valueLines } from './values.js';

const lines = valueLines(chartFile('values.yaml'));
const leaves = lines.filter(({ isGroup }) => !isGroup);

const INTRODUCTION = `# cyberun-mcp, the chart

Printed from \`values.yaml\` by \`npm run chart -- --update\`; change it there. It needs Kubernetes 1.30 and an image built
from this repository's Dockerfile.

\`\`\`sh
helm install mcp ./helm --set image.repository=registry.example.com/cyberun-mcp                     # a gateway
helm install mcp ./helm --set image.repository=registry.example.com/cyberun-mcp --set mode=trial    # everything, to try
helm install mcp ./helm --set image.repository=registry.example.com/cyberun-mcp --values team.yaml  # everything, for a team
\`\`\`

**Mode team** needs a PostgreSQL, a bucket of an object store, and Secrets for both; \`ci/team.yaml\` has the least values. A Redis
keeps sessions over all pods. A Job makes the tables before the pods start (\`cyberun-mcp migrate\`). Agents wait for the Secret with
their key, which the installed runtime makes; the notes of the install print both commands:

\`\`\`sh
kubectl create secret generic cyberun-database --from-literal=url='postgresql://cyberun:…@postgres.example.com:5432/cyberun'
kubectl create secret generic cyberun-files --from-literal=access-key-id=… --from-literal=secret-access-key=…
kubectl exec deployment/mcp-cyberun-mcp-runtime -- cyberun-mcp keys create --kind agent
\`\`\`

**Upgrades** replace pods one by one; runs go on. Tables are changed before the first new pod starts, and pods of the version before
work with them until they are replaced. A rollback does not change tables back: pods of an older version refuse to start on tables
of a newer one. Back up the database before an upgrade that you may have to undo.

**A database or its Secret in the same install**: the Job that makes the tables is a hook, which runs before all else of the release is
there, so that it never sees a Secret of \`extraObjects\`, of an operator or of a parent chart's PostgreSQL, and the install fails. Set
\`database.migration.enabled: false\` there: the pods of the runtime wait for the Secret, and make the tables at their start.

**File links** begin with the public URL. The Ingress or the HTTPRoute leads them to the runtime; without one the endpoint passes them on
to it, so that a load balancer in front of its Service is enough. With an object store they end in a redirect there.

**The console** is at \`/console\` of the public URL, in mode team by the Ingress or the HTTPRoute; without one
\`kubectl port-forward service/mcp-cyberun-mcp-runtime 8081:80\` leads there. \`runtime.console: false\` switches it off.

**Runs as Jobs**: with \`agent.executor.mode: jobs\` one small agent has each task executed in the pod of a Kubernetes Job of its own
(docs/kubernetes.md). The chart makes its ServiceAccount, and a Role for one namespace, which may make, get, list and delete Jobs, list and watch
pods, read their logs, make Secrets, which it cannot read, and get, make and update Leases. \`ci/team-jobs.yaml\` has an example.

**After an install** \`helm test mcp\` lists the tools, runs a sample with the key of \`tests.key.existingSecret\`, or of
\`bootstrapKey\`, and opens a link to its output. With \`networkPolicy.enabled\` everything else is denied; a namespace that denies all by itself must let the pods of
the migration reach DNS and PostgreSQL at the first install, since hooks run before the policies of the release are there.

**As a part of another chart**: name it under \`dependencies\`, with \`condition: cyberun-mcp.enabled\` where it is optional. Its values
are below \`cyberun-mcp\`; \`global.imageRegistry\` and \`global.imagePullSecrets\` count.

**Argo CD** runs the migration as a hook before the sync. It renders charts without a cluster, so with \`autoscaling\` the line
\`replicas\` is left out there: let it ignore \`/spec/replicas\` of the Deployment.

Values that do not exist are refused, and so are combinations that cannot work, each with a sentence that holds the fix.
Sets of values that work are in \`ci/\`.

`;

it.each(leaves)(
  'values.yaml says what $path is, when to change it, and what happens otherwise',
  ({ path, meaning, rules }) => {
    expect(meaning.length, `the comment of ${path}`).toBeGreaterThan(40);
    expect(meaning).toMatch(/\.$/);
    expect(rules).toBeTypeOf('object');
  },
);

it('the test reads every line of values.yaml', () => {
  const pathsOf = (value: unknown, path: string[] = []): string[] =>
    typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0
      ? Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...path, key]))
      : [path.join('.')];
  expect(leaves.map(({ path }) => path)).toEqual(pathsOf(parse(chartFile('values.yaml'))));
});

it('values.yaml generates the schema', async () => {
  const { properties, ...rest } = schemaOf(lines) as { properties: object };
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    ...rest,
    properties: {
      ...properties,
      global: {
        description: 'Values of a parent chart: imageRegistry and imagePullSecrets are used, others ignored.',
        type: 'object',
      },
      enabled: { description: 'The condition of a parent chart, which Helm reads.', type: 'boolean' },
    },
  };
  const text = await format(JSON.stringify(schema), { parser: 'json', printWidth: 110 });
  await expect(text).toMatchFileSnapshot(join(chartFolder, 'values.schema.json'));
});

it('values.yaml generates the page', async () => {
  const page = await format(INTRODUCTION + tableOf(lines), { parser: 'markdown', printWidth: 110 });
  await expect(page).toMatchFileSnapshot(join(chartFolder, 'README.md'));
});

const groups = lines.filter(({ isGroup }) => isGroup).map(({ path }) => path.split('.'));

/** Another key in every group; Helm names them all at once. */
function surprises(below: readonly string[] = []): object {
  const inside = groups.filter(
    (path) => path.length === below.length + 1 && below.every((key, at) => path[at] === key),
  );
  const inner = inside.map((path) => [path.at(-1) ?? '', surprises(path)] as const);
  return { ...Object.fromEntries(inner), ...(below.length > 0 && { surprise: 1 }) };
}

it.each(groups.map((path) => `/${path.join('/')}`))('the schema allows no other keys in %s', (place) => {
  expect(refusal(surprises())).toContain(`at '${place}': additional properties 'surprise' not allowed`);
});

it('values.yaml names the Runtime API that the checks know', () => {
  const { url } = (parse(chartFile('values.yaml')) as { runtime: { url: string } }).runtime;
  expect(chartFile('templates/_helpers.tpl')).toContain(`hostedRuntimeUrl" -}}\n${url}\n`);
  expect(only('PersistentVolumeClaim', render({ mode: 'trial', runtime: { url } }))).toBeDefined();
});
