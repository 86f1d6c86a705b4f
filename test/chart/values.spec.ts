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
\`\`\`

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

it.each(lines.filter(({ isGroup }) => isGroup))('the schema allows no other keys in $path', ({ path }) => {
  const values = path.split('.').reduceRight<object>((inner, key) => ({ [key]: inner }), { surprise: 1 });
  expect(refusal(values)).toContain("additional properties 'surprise' not allowed");
});

it('values.yaml names the Runtime API that the checks know', () => {
  const { url } = (parse(chartFile('values.yaml')) as { runtime: { url: string } }).runtime;
  expect(chartFile('templates/_helpers.tpl')).toContain(`hostedRuntimeUrl" -}}\n${url}\n`);
  expect(only('PersistentVolumeClaim', render({ mode: 'trial', runtime: { url } }))).toBeDefined();
});
