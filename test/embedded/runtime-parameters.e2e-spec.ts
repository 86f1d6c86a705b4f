import { afterAll, beforeAll, expect, it } from 'vitest';

import { echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';

const PROPERTIES = `        letters: { type: string, pattern: '^(\\w+\\s?)*$' }
        pairs: { type: array, uniqueItems: true, items: { type: object } }
        tree: { $ref: '#/$defs/tree' }
        maybe: { anyOf: [{ type: integer }, { type: 'null' }] }
        box: { type: object, additionalProperties: false, properties: { width: { type: integer } } }
        kind: { const: image }
        day: { type: string, format: date }
        picture: { type: string, format: file, contentMediaType: 'image/*, application/pdf' }
      $defs:
        tree:
          anyOf:
            - { type: object, properties: { in: { $ref: '#/$defs/tree' } }, required: [never] }
            - { type: object, properties: { in: { $ref: '#/$defs/tree' } }, required: [ever] }`;

const slow = 'a'.repeat(40) + '!';
let server: RuntimeServer;

beforeAll(async () => {
  server = await RuntimeServer.start({
    'echo.yaml': echoWorkflow('echo', { properties: PROPERTIES }),
    'other.yaml': echoWorkflow('other'),
  });
});
afterAll(() => server[Symbol.asyncDispose]());

const run = (name: string, parameters: unknown) =>
  server.call('POST', `/r/workflows/slug/${name}/run`, { parameters });
const refusal = async (parameters: unknown): Promise<string> => {
  const { status, body } = await run('echo', parameters);
  expect(status).toBe(400);
  return body.error_message as string;
};
const nested = (depth: number): unknown =>
  JSON.parse(`${'{"in":'.repeat(depth)}{}${'}'.repeat(depth)}`) as unknown;

it.each([
  ['a pattern that backtracks', { text: 'x', letters: slow }, 'takes more than 3 seconds or 256 MB'],
  [
    'a schema that branches at each level',
    { text: 'x', tree: nested(40) },
    'takes more than 3 seconds or 256 MB',
  ],
])(
  'checking %s delays neither health checks nor runs of other workflows',
  async (_what, parameters, reason) => {
    const order: string[] = [];
    const held = refusal(parameters).then((message) => {
      order.push('refused');
      return message;
    });
    expect((await run('other', { text: 'x' })).status).toBe(202);
    order.push('accepted');
    for (let asked = 0; asked < 5; asked += 1) {
      expect((await fetch(`${server.origin}/health/live`)).status).toBe(200);
      order.push('healthy');
    }
    expect(await held).toContain(reason);
    expect(order.at(-1)).toBe('refused');
  },
);

it('the runtime compares 10,000 different objects in time', async () => {
  const pairs = Array.from({ length: 10_000 }, (_none, index) => ({ a: { b: index }, c: [index] }));
  expect((await run('echo', { text: 'x', pairs })).status).toBe(202);
  expect(await refusal({ text: 'x', pairs: [...pairs, { c: [7], a: { b: 7 } }] })).toBe(
    'parameter "pairs" must not hold the same item twice',
  );
});

it('the runtime refuses parameters that are too deep or too many', async () => {
  expect(await refusal({ text: 'x', tree: nested(100) })).toContain('nested more than 64 levels deep');
  const pairs = Array.from({ length: 100_001 }, () => 0);
  expect(await refusal({ text: 'x', pairs })).toContain('parameter "pairs" makes more than 100000 values');
});

it('the refusal of parameters names each parameter and the rule it breaks, all together', async () => {
  const message = await refusal({
    times: 9,
    colour: 'red',
    maybe: 'x',
    kind: 'text',
    day: 'today',
    box: { with: 3 },
    picture: 'none',
  });
  expect(message.split('; ')).toEqual([
    'parameter "text" is required',
    'parameter "colour" is not one this workflow takes: the names are text, times, letters, pairs, tree, maybe, box, kind, day, picture',
    'parameter "times" must be <= 5',
    'parameter "maybe" must be integer or null',
    'parameter "box.with" is not one this workflow takes: did you mean "width"? The names are width',
    'parameter "kind" must be "image"',
    'parameter "day" must match format "date"',
    expect.stringContaining('parameter "picture" must be the file_key of a finished upload'),
  ]);
});

it.each(['constructor', 'toString', 'valueOf', '__proto__', 'hasOwnProperty', 'foo'])(
  'the refusal of parameters says of %s that the workflow does not take it',
  async (name) => {
    const message = await server.call(
      'POST',
      '/r/workflows/slug/echo/run',
      `{"parameters":{"text":"x","${name}":"y"}}`,
    );
    expect(message.body.error_message).toContain(`parameter "${name}" is not one this workflow takes`);
  },
);

it('the refusal of parameters says of an integer that JSON does not carry unchanged that it is too large', async () => {
  const answer = await server.call(
    'POST',
    '/r/workflows/slug/echo/run',
    '{"parameters":{"text":"x","maybe":12345678901234567890}}',
  );
  expect(answer.body.error_message).toContain('parameter "maybe" holds an integer beyond 9007199254740991');
});

const upload = async (content_type: string): Promise<string> => {
  const { body } = await server.call('POST', '/r/files/presign', {
    file_name: 'a',
    file_size: 1,
    content_type,
  });
  const stored = await fetch(body.upload_url, { method: 'PUT', headers: body.upload_headers, body: 'x' });
  expect(stored.status).toBe(200);
  return body.file_key as string;
};

it('a run with a file of another type is refused with the types that the parameter takes', async () => {
  const message = await refusal({ text: 'x', picture: await upload('text/plain') });
  expect(message).toContain(
    'parameter "picture" takes image/* or application/pdf, but the file was announced as text/plain',
  );
});

it.each(['image/png', 'IMAGE/jpeg; q=1', 'application/pdf'])(
  'a file parameter takes a file of type %s',
  async (type) => {
    expect((await run('echo', { text: 'x', picture: await upload(type) })).status).toBe(202);
  },
);
