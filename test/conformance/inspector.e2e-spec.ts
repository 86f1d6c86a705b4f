import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { type Outcome, run, scriptOf } from './command.js';
import { KEY, ServerUnderTest } from './server-under-test.js';

const INSPECTOR = scriptOf(
  import.meta.resolve('@modelcontextprotocol/inspector/package.json'),
  'mcp-inspector',
);

const OPTIONS = ['--cli', '--transport', 'http', '--stored-auth-only', '--format', 'json'];

/** Exit codes of the Inspector's command line. */
const OK = 0;
const AUTH_REQUIRED = 3;
const TOOL_ERROR = 5;

let server: ServerUnderTest;
let home: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'cyberun-inspector-'));
  server = await ServerUnderTest.start('product');
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(home, { recursive: true, force: true });
});

const inspect = (era: string, key: string | undefined, ...asked: string[]): Promise<Outcome> => {
  const authorization = key === undefined ? [] : ['--header', `Authorization: Bearer ${key}`];
  const where = ['--server-url', server.endpoint, '--protocol-era', era, ...authorization];
  return run(INSPECTOR, [...OPTIONS, ...where, ...asked], home);
};

const call = (era: string, tool: string, args: object): Promise<Outcome> =>
  inspect(era, KEY, '--method', 'tools/call', '--tool-name', tool, '--tool-args-json', JSON.stringify(args));

describe.each(['legacy', 'modern'])('with protocol era %s', (era) => {
  it('the Inspector lists the tools and finds no error in their schemas', async () => {
    const { exitCode, stdout } = await inspect(era, KEY, '--method', 'tools/list', '--strict');

    expect(exitCode).toBe(OK);
    expect(JSON.parse(stdout)).toMatchObject({ result: { tools: { length: 15 } } });
  });

  it('the Inspector calls a tool', async () => {
    const { exitCode, stdout } = await call(era, 'list_workflows', {});

    expect(exitCode).toBe(OK);
    expect(JSON.parse(stdout)).toMatchObject({
      result: { structuredContent: { workflow_list: [{ workflow_slug: 'sd-portrait-v2' }] } },
    });
  });

  it.each([
    ['an unknown tool', 'run_everything', {}],
    ['an argument that breaks a rule', 'get_task', { task_id: 'the last one' }],
    ['an id that the runtime does not know', 'get_task', { task_id: '019abc12-9012-7890-abcd-ef1234560000' }],
  ])('the Inspector reports %s by its exit code', async (_what, tool, args) => {
    expect(await call(era, tool, args)).toMatchObject({ exitCode: TOOL_ERROR });
  });

  it.each([
    ['no key', undefined],
    ['an unknown key', 'sk-unknown-0123456789abcdefghij'],
    ['a key of an agent', 'ak-agent-0123456789abcdefghijk'],
  ])('the Inspector reports that a key is required when it has %s', async (_what, key) => {
    expect(await inspect(era, key, '--method', 'tools/list')).toMatchObject({ exitCode: AUTH_REQUIRED });
  });
});
