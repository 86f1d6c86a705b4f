import { expect, it } from 'vitest';

import { compileText } from '../../../test/support/compile.js';

const GOOD = `document:
  dsl: '1.0.0'
  namespace: tests
  name: all-steps
  version: '2.1.0'
  title: All steps
  metadata: { labels: [local, gpu, local], max_retries: 3 }
input:
  schema:
    document:
      type: object
      properties:
        name: { type: string }
        inner: { type: object, properties: { deep: { type: string } } }
        image: { type: string, format: file }
timeout: { after: { minutes: 1, seconds: 30 } }
do:
  - first:
      run:
        shell:
          command: printf "%s" "$1" "\${HOME}"
          arguments: ['\${ .name }', --flag, 7]
          environment: { NAME: '\${.inner.deep}' }
  - second:
      run:
        script: { language: js, code: 'console.log(\`\${1 + 1}\`)', arguments: ['\${ .image }'] }
  - third:
      call: http
      with:
        method: post
        endpoint: '\${ .name }'
        headers: { A: b }
        body: { nested: ['\${ .name }'] }
`;

it('a workflow file is compiled to the steps that an agent runs', async () => {
  expect(await compileText('all.yaml', GOOD)).toMatchObject({
    slug: 'all-steps',
    display_name: 'All steps',
    document_version: '2.1.0',
    required_labels: ['gpu', 'local'],
    max_retries: 3,
    task_timeout: 90,
    steps: [
      {
        kind: 'shell',
        name: 'first',
        arguments: ['${ .name }', '--flag', 7],
        environment: { NAME: '${.inner.deep}' },
      },
      { kind: 'script', name: 'second', arguments: ['${ .image }'], environment: {} },
      {
        kind: 'http',
        name: 'third',
        method: 'POST',
        endpoint: '${ .name }',
        headers: { A: 'b' },
        query: {},
        body: { nested: ['${ .name }'] },
      },
    ],
  });
});

it('a workflow with a Python step requires the label python', async () => {
  const text = GOOD.replace('language: js', 'language: python');
  const { required_labels, steps } = await compileText('all.yaml', text);
  expect(required_labels).toEqual(['gpu', 'local', 'python']);
  expect(steps[1]).toMatchObject({ kind: 'script', language: 'python' });
});

const IN_CONTAINER = `document: { dsl: '1.0.0', namespace: tests, name: in-container, version: '1.0.0' }
do:
  - first:
      run:
        container:
          image: docker.io/library/python:3.13-slim
          command: python3 -c "$1"
          arguments: ['\${ .code }']
          environment: { NAME: '\${ .name }' }
          volumes: { /data/models: '/models:ro', /scratch: /scratch }
          pullPolicy: always
      metadata: { resources: { cpu: 1.5, memory: 512Mi, gpus: -1 } }
`;

it('a container step is compiled with its volumes and resources, and requires the label container', async () => {
  const { required_labels, schema, steps } = await compileText('container.yaml', IN_CONTAINER);
  expect([required_labels, schema.required]).toEqual([['container'], ['code', 'name']]);
  expect(steps).toEqual([
    {
      kind: 'container',
      name: 'first',
      container: {
        image: 'docker.io/library/python:3.13-slim',
        pull_policy: 'always',
        volumes: [
          { host_path: '/data/models', container_path: '/models', read_only: true },
          { host_path: '/scratch', container_path: '/scratch', read_only: false },
        ],
        resources: { cpu: 1.5, memory_bytes: 512 * 1024 ** 2, gpus: -1 },
      },
      command: 'python3 -c "$1"',
      arguments: ['${ .code }'],
      environment: { NAME: '${ .name }' },
    },
  ]);
});

const IMAGE = 'docker.io/library/python:3.13-slim';

it.each([
  ['without an image', `image: ${IMAGE}`, '', 5, 'container.image'],
  ['with a reference as its image', IMAGE, "'${ .image }'", 6, 'must be the name of an image'],
  ['with a port', 'command: p', 'ports: { 80: 80 }\n          command: p', 7, '"ports"'],
  ['with a lifetime', 'command: p', 'lifetime: { cleanup: never }\n          command: p', 7, '"lifetime"'],
  ['with a reference in its command', '"$1"', '"${ .code }"', 7, 'must not contain ${'],
  ['with an unknown parameter type of volume', '/scratch: /scratch', '/scratch: [a]', 10, 'a path in the'],
  ['with a relative volume', '/scratch: /scratch', 'scratch: /scratch', 10, 'must be an absolute path'],
  ['with a volume that leaves its folder', '/scratch:', '/scratch/../etc:', 10, 'must be an absolute path'],
  ['with a volume over everything', '/scratch: /scratch', '/scratch: /', 10, 'other than "/"'],
  ['with another pull policy', 'pullPolicy: always', 'pullPolicy: daily', 11, 'must be one of ifNotPresent'],
  ['with memory as a number', '512Mi', '512', 12, 'such as 512Mi or 4Gi'],
  ['with too little memory', '512Mi', '5Mi', 12, 'at least 6Mi'],
  ['with an unknown resource', 'gpus: -1', 'tpus: 1', 12, '"tpus"'],
  [
    'that is two kinds of step',
    'container:',
    'shell: { command: a }\n        container:',
    4,
    'exactly one of',
  ],
])('a container step %s is refused with line and reason', async (...row) => {
  const [, part, replacement, line, reason] = row;
  const text = IN_CONTAINER.replace(part, () => replacement);
  await expect(compileText('wrong.yaml', text)).rejects.toMatchObject({
    line,
    reason: expect.stringContaining(reason),
  });
});

const LIMITED = `document: { dsl: '1.0.0', namespace: tests, name: limited, version: '1.0.0' }
do:
  - load: { run: { shell: { command: load } }, timeout: { after: { minutes: 1, seconds: 30 } } }
  - render:
      run: { container: { image: a.test/render } }
      timeout: { after: { hours: 2 } }
  - tell:
      call: http
      with: { method: get, endpoint: 'https://a.test/' }
      timeout: { after: { seconds: 10 } }
  - tidy: { run: { script: { language: js, code: tidy() } } }
`;

it('the time limit of a step is compiled with it, and a step without one has none', async () => {
  const { steps, task_timeout } = await compileText('limited.yaml', LIMITED);
  expect(steps.map(({ name, timeout_seconds }) => [name, timeout_seconds])).toEqual([
    ['load', 90],
    ['render', 7200],
    ['tell', 10],
    ['tidy', undefined],
  ]);
  expect(steps[3]).not.toHaveProperty('timeout_seconds');
  expect(task_timeout).toBe(0);
});

it.each([
  ['by name', '{ after: { hours: 2 } }', 'short', 6, 'do.1.render.timeout must be a mapping with after'],
  ['in ISO 8601', '{ hours: 2 }', 'PT2H', 6, 'timeout.after must be a mapping such as { minutes: 5 }'],
  [
    'with an unknown field',
    '{ hours: 2 } }',
    '{ hours: 2 }, retry: 1 }',
    6,
    '"retry" in do.1.render.timeout',
  ],
  ['in an unknown unit', '{ hours: 2 }', '{ weeks: 2 }', 6, '"weeks" in do.1.render.timeout.after'],
  ['of nothing', '{ hours: 2 }', '{ hours: 0 }', 6, 'must be between 1 and 86000 seconds'],
  ['of more than a day', '{ seconds: 10 }', '{ days: 2 }', 10, 'must be between 1 and 86000 seconds'],
  ['inside of with', "a.test/' }", "a.test/', timeout: 5 }", 9, '"timeout" in do.2.tell.with'],
])('a time limit of a step %s is refused with line and reason', async (...row) => {
  const [, part, replacement, line, reason] = row;
  const text = LIMITED.replace(part, () => replacement);
  await expect(compileText('wrong.yaml', text)).rejects.toMatchObject({
    line,
    reason: expect.stringContaining(reason),
  });
});

it('resources of a step that is a process are refused', async () => {
  const text = GOOD.replace('  - second:', '      metadata: { resources: { cpu: 1 } }\n  - second:');
  await expect(compileText('wrong.yaml', text)).rejects.toThrow('is for steps with run: container');
});

it.each([
  ['{ delay: { seconds: 5 }, limit: { attempt: { count: 4 } } }', 4, { backoff: 'exponential', delay: 5 }],
  ['{ backoff: { linear: {} }, limit: { attempt: { count: 1 } } }', 1, { backoff: 'linear' }],
  [
    '{ delay: { minutes: 1 }, backoff: { constant: {} } }, max_retries: 2',
    2,
    { backoff: 'constant', delay: 60 },
  ],
])('the retry policy %s of a workflow is compiled', async (policy, max_retries, retry) => {
  const text = GOOD.replace('max_retries: 3', () => `retry: ${policy}`);
  expect(await compileText('all.yaml', text)).toMatchObject({ max_retries, retry });
});

it('a workflow without a retry policy has only its number of retries', async () => {
  expect(await compileText('all.yaml', GOOD)).not.toHaveProperty('retry');
});

it('a workflow is a tool of its own only if its author says so', async () => {
  expect(await compileText('all.yaml', GOOD)).not.toHaveProperty('is_tool');
  const text = (value: string): string => GOOD.replace('max_retries: 3', `tool: ${value}`);
  expect(await compileText('all.yaml', text('true'))).toMatchObject({ is_tool: true });
  expect(await compileText('all.yaml', text('false'))).not.toHaveProperty('is_tool');
});

const RETRIES = 'max_retries: 3';

it.each([
  ['a word outside the subset', 'timeout:', 'use: {}\ntimeout:', 16, '"use"'],
  ['a step of another kind', 'run:\n        shell:', 'wait:\n        shell:', 19, '"wait"'],
  ['another way to run', 'shell:', 'workflow:', 20, '"workflow"'],
  ['a language we do not speak', 'language: js', 'language: ruby', 26, 'must be js or python'],
  ['another call', 'call: http', 'call: grpc', 28, 'must be http'],
  [
    'an option of a call we do not have',
    'headers: { A',
    'redirect: true\n        headers: { A',
    32,
    '"redirect"',
  ],
  ['a tool that is neither', RETRIES, 'tool: run_me', 7, 'document.metadata.tool must be true or false'],
  ['an older DSL', "dsl: '1.0.0'", "dsl: '0.8'", 2, 'DSL 1.0'],
  ['a name that is no slug', 'all-steps', 'All Steps', 4, 'lower-case'],
  ['an unknown parameter', "['${ .name }', --flag", "['${ .unknown }', --flag", 22, '"unknown"'],
  ['an unknown inner parameter', '.inner.deep', '.inner.other', 23, '"inner"'],
  [
    'an expression',
    "endpoint: '${ .name }'",
    "endpoint: '${ .name | ascii_upcase }'",
    31,
    'is not supported',
  ],
  [
    'a reference inside a text',
    "endpoint: '${ .name }'",
    "endpoint: 'https://x/${ .name }'",
    31,
    'whole value',
  ],
  ['a reference in a command', '"$1"', '"${ .name }"', 21, 'must not contain ${'],
  ['arguments by name', "['${ .name }', --flag, 7]", '{ a: b }', 22, 'must be a list'],
  ['a schema that is none', 'name: { type: string }', 'name: { type: strong }', 13, 'input.schema.document'],
  ['an unknown format', 'format: file', 'format: fiel', 15, 'did you mean "file"'],
  ['a time limit of more than a day', 'minutes: 1', 'days: 2', 16, 'seconds'],
  ['a bad label', 'gpu, local]', '"a b"]', 7, 'letters'],
  ['a retry policy by name', RETRIES, 'retry: often', 7, 'named retry policies are not supported'],
  ['a retry with jitter', RETRIES, 'retry: { jitter: {} }', 7, '"jitter" in document.metadata.retry'],
  ['a retry with a condition', RETRIES, "retry: { when: '${ .x }' }", 7, '"when"'],
  ['an unknown backoff', RETRIES, 'retry: { backoff: { quadratic: {} } }', 7, '"quadratic"'],
  ['two backoffs', RETRIES, 'retry: { backoff: { linear: {}, constant: {} } }', 7, 'exactly one of'],
  ['a backoff with options', RETRIES, 'retry: { backoff: { linear: { step: 2 } } }', 7, '"step"'],
  ['a retry limited in time', RETRIES, 'retry: { limit: { duration: { hours: 1 } } }', 7, '"duration"'],
  ['a retry without a limit', RETRIES, 'retry: { delay: { seconds: 1 } }', 7, 'max_retries beside it'],
  [
    'two limits of retries',
    RETRIES,
    `${RETRIES}, retry: { limit: { attempt: { count: 1 } } }`,
    7,
    'and not both',
  ],
  ['what is no YAML', 'document:', 'document: [', 3, ''],
  ['nothing', GOOD, '', 1, 'mapping'],
])('a workflow file with %s is refused with line and reason', async (...row) => {
  const [, part, replacement, line, reason] = row;
  const text = GOOD.replace(part, () => replacement);
  expect(text).not.toBe(GOOD);
  await expect(compileText('wrong.yaml', text)).rejects.toMatchObject({
    name: 'DefinitionError',
    file: 'wrong.yaml',
    line,
    reason: expect.stringContaining(reason),
  });
});
