import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { Client as OlderClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OlderTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { friendlyRuntime } from '../support/every-tool.js';
import { KEY } from '../support/mcp-app.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { answerOf, McpHttp } from '../support/mcp-http.js';
import type { MockRuntime } from '../support/mock-runtime.js';
import { TASK_ID, workflowSample } from '../support/runtime-samples.js';

const RUN = 'POST /r/workflows/slug/:slug/run';
const SLUG = workflowSample.workflow_slug;
const SENTENCE = 'It takes a GPU for an hour.';
const FEATURES = { 'Cyberun-Features': 'confirm' };

let runtime: MockRuntime;
/** Two replicas. */
let applications: readonly [McpApplication, McpApplication];

beforeAll(async () => {
  runtime = await friendlyRuntime();
  applications = [await startMcp(runtime.url), await startMcp(runtime.url)];
});
afterAll(async () => {
  for (const application of applications.toReversed()) await application[Symbol.asyncDispose]();
  await runtime[Symbol.asyncDispose]();
});
beforeEach(() => {
  runtime.seen.length = 0;
  runtime.on('GET /r/workflows', { json: { workflow_list: [workflowSample] }, headers: FEATURES });
  whenAsked = () => undefined;
  has({});
  // As the embedded runtime does it.
  runtime.on(RUN, ({ headers }, response) => {
    const isRefused = headers['cyberun-confirm'] === 'ask';
    response.writeHead(isRefused ? 428 : 202, { 'Content-Type': 'application/json', ...FEATURES });
    response.end(
      JSON.stringify(isRefused ? { error_message: 'wants a confirmation' } : { task_id: TASK_ID }),
    );
  });
});

/** Called when the user is asked. */
let whenAsked: () => void;

/** The workflow is like this now. */
function has(more: object): void {
  const json = { ...workflowSample, confirm: SENTENCE, ...more };
  runtime.on('GET /r/workflows/slug/:slug', { json, headers: FEATURES });
}

/** What was started. */
const started = () => runtime.requests(RUN).filter(({ headers }) => headers['cyberun-confirm'] === undefined);
const codeIn = (refusal: unknown): string | undefined => /confirm: "([\w-]+)"/.exec(String(refusal))?.[1];
const errorOf = ({ structuredContent }: { structuredContent?: unknown }): unknown =>
  (structuredContent as { error_message?: unknown } | undefined)?.error_message;

type Reply = 'accept' | 'decline' | 'cancel';
type Asked = readonly string[];
interface Session {
  readonly run: (args?: object) => Promise<{ structuredContent?: unknown }>;
  /** What the user was asked. */
  readonly asked: Asked;
}

async function newer(options: object, reply: Reply | undefined): Promise<Session> {
  const asked: string[] = [];
  const capabilities = reply === undefined ? {} : { elicitation: { form: {} } };
  const client = new Client({ name: 'test', version: '1.0.0' }, { capabilities, ...options });
  if (reply !== undefined)
    client.setRequestHandler('elicitation/create', ({ params }) => {
      asked.push(params.message);
      whenAsked();
      return { action: reply, ...(reply === 'accept' && { content: {} }) };
    });
  const requestInit = { headers: { Authorization: `Bearer ${KEY}` } };
  await client.connect(new StreamableHTTPClientTransport(new URL(applications[0].endpoint), { requestInit }));
  const run = (args: object = {}) =>
    client.callTool({ name: 'run_workflow_by_slug', arguments: { workflow_slug: SLUG, ...args } });
  return { run, asked };
}

async function older(reply: Reply | undefined): Promise<Session> {
  const asked: string[] = [];
  const capabilities = reply === undefined ? {} : { elicitation: {} };
  const client = new OlderClient({ name: 'test', version: '1.0.0' }, { capabilities });
  if (reply !== undefined)
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      asked.push(params.message);
      whenAsked();
      return { action: reply, ...(reply === 'accept' && { content: {} }) };
    });
  const requestInit = { headers: { Authorization: `Bearer ${KEY}` } };
  await client.connect(new OlderTransport(new URL(applications[0].endpoint), { requestInit }));
  const run = async (args: object = {}) =>
    (await client.callTool({
      name: 'run_workflow_by_slug',
      arguments: { workflow_slug: SLUG, ...args },
    })) as { structuredContent?: unknown };
  return { run, asked };
}

const KINDS: readonly [string, (reply?: Reply) => Promise<Session>][] = [
  ['2026-07-28', (reply) => newer({ versionNegotiation: { mode: 'auto' } }, reply)],
  ['2025-11-25', (reply) => newer({}, reply)],
  ['2025-06-18', (reply) => newer({ supportedProtocolVersions: ['2025-06-18'] }, reply)],
  ['2025-11-25 of the older library', older],
];

describe.each(KINDS)('at %s', (_revision, open) => {
  it('a run that its workflow wants confirmed starts when the user accepts', async () => {
    const { run, asked } = await open('accept');
    expect(await run({ body: { prompt: 'Ada' } })).toMatchObject({ structuredContent: { task_id: TASK_ID } });
    expect(asked).toEqual([
      `Run "SD 1.5 Portrait Generator" (${SLUG}@3)? ${SENTENCE}\nParameters: prompt: "Ada"`,
    ]);
    // That version, although a newer one may be there by then.
    expect(started()).toMatchObject([{ path: `/r/workflows/slug/${SLUG}@3/run` }]);
  });

  it.each(['decline', 'cancel'] as const)(
    'a run that its workflow wants confirmed does not start when the user answers with %s',
    async (reply) => {
      const { run } = await open(reply);
      expect(errorOf(await run())).toContain('Nothing was started: the user did not confirm the run.');
      expect(started()).toEqual([]);
    },
  );

  it('a client that cannot ask reads how to confirm by argument, and does so', async () => {
    const { run } = await open();
    const refusal = errorOf(await run());
    expect(refusal).toContain(SENTENCE);
    expect(refusal).toContain(`If they agree, call again with confirm: "`);
    expect(started()).toEqual([]);
    expect(await run({ confirm: codeIn(refusal) })).toMatchObject({
      structuredContent: { task_id: TASK_ID },
    });
    expect(started()).toMatchObject([{ path: `/r/workflows/slug/${SLUG}@3/run` }]);
  });

  it('a workflow that changes while the user is asked is asked about anew, and only what was shown runs', async () => {
    const { run, asked } = await open('accept');
    whenAsked = () => has({ version: 4, confirm: 'It takes two days.' });
    expect(await run()).toMatchObject({ structuredContent: { task_id: TASK_ID } });
    expect(asked).toEqual([
      `Run "SD 1.5 Portrait Generator" (${SLUG}@3)? ${SENTENCE}`,
      `The workflow has changed since the question. Run "SD 1.5 Portrait Generator" (${SLUG}@4)? It takes two days.`,
    ]);
    expect(started()).toMatchObject([{ path: `/r/workflows/slug/${SLUG}@4/run` }]);
  });

  it('a code counts for the version and the parameters of its refusal, and others are refused with another code', async () => {
    const { run } = await open();
    const body = { prompt: 'Ada' };
    const confirm = codeIn(errorOf(await run({ body })));
    const other = errorOf(await run({ body: { prompt: 'Grace' }, confirm }));
    expect(other).toContain('confirm is not the code of this run');
    expect(codeIn(other)).not.toBe(confirm);
    has({ version: 4 });
    const changed = errorOf(await run({ body, confirm }));
    expect(changed).toContain(`Ask the user: Run "SD 1.5 Portrait Generator" (${SLUG}@4)?`);
    expect(started()).toEqual([]);
    await run({ body, confirm: codeIn(changed) });
    expect(started()).toMatchObject([
      { path: `/r/workflows/slug/${SLUG}@4/run`, body: { parameters: body } },
    ]);
  });

  it('a confirm that is no code is refused with a sentence', async () => {
    const { run } = await open();
    const wanted =
      'must be the code in the refusal of this very run; leave it out to get one, and ask the user';
    for (const confirm of [true, 'yes, please']) expect(errorOf(await run({ confirm }))).toContain(wanted);
    expect(runtime.seen.filter(({ path }) => path.includes('slug'))).toEqual([]);
  });

  it('a run of any other workflow starts at once and asks for nothing', async () => {
    runtime.on(RUN, { status: 202, json: { task_id: TASK_ID } });
    const { run, asked } = await open('decline');
    expect(await run()).toMatchObject({ structuredContent: { task_id: TASK_ID } });
    expect(asked).toEqual([]);
    expect(runtime.seen.filter(({ path }) => path.includes('slug'))).toHaveLength(1);
  });

  it('confirm is refused where the Runtime API has no confirmations', async () => {
    runtime.on('GET /r/workflows', { json: { workflow_list: [] } });
    runtime.on('GET /r/workflows/slug/:slug', { json: workflowSample });
    runtime.on(RUN, { status: 202, json: { task_id: TASK_ID } });
    const { run } = await open();
    // From this answer on the server knows that the runtime announces nothing.
    await run();
    runtime.seen.length = 0;
    expect(errorOf(await run({ confirm: 'x' }))).toContain('asks for no confirmations. Leave confirm out.');
    expect(runtime.requests(RUN)).toEqual([]);
  });
});

describe('the state of a question at 2026-07-28', () => {
  const meta = { 'io.modelcontextprotocol/clientCapabilities': { elicitation: { form: {} } } };
  const at = (replica: 0 | 1, key = KEY) => new McpHttp({ url: applications[replica].endpoint }, key);
  const call = (args: object, more: object = {}) => ({
    name: 'run_workflow_by_slug',
    arguments: { workflow_slug: SLUG, ...args },
    ...more,
  });
  const ask = async (args: object = {}): Promise<string> => {
    const { result } = await answerOf(await at(0).stateless('tools/call', call(args), { meta }));
    expect(result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { confirm: { method: 'elicitation/create' } },
    });
    return (result as unknown as { requestState: string }).requestState;
  };
  const yes = { inputResponses: { confirm: { action: 'accept', content: {} } } };

  it('an answer is taken at any replica, with the arguments in any order', async () => {
    const requestState = await ask({ body: { a: 1, b: 2 }, wait_seconds: 0 });
    const params = call({ wait_seconds: 0, body: { b: 2, a: 1 } }, { requestState, ...yes });
    const { result } = await answerOf(await at(1).stateless('tools/call', params, { meta }));
    expect(result?.structuredContent).toMatchObject({ task_id: TASK_ID });
    expect(started()).toHaveLength(1);
  });

  it.each<[string, (state: string) => string, object, string]>([
    ['that was changed', (state) => `${state.slice(0, -2)}xx`, {}, KEY],
    ['of another call', (state) => state, { body: { more: 1 } }, KEY],
    ['of another key', (state) => state, {}, 'sk-another-0123456789abcdef'],
  ])('an answer with a state %s is refused and starts nothing', async (_what, changed, args, key) => {
    const params = call(args, { requestState: changed(await ask()), ...yes });
    const { error } = await answerOf(await at(0, key).stateless('tools/call', params, { meta }));
    expect(error).toMatchObject({ code: -32_602 });
    expect(error?.message).toContain('requestState is not that of a question about this call');
    expect(started()).toEqual([]);
  });

  it('an answer that is sent again after a lost reply is the same run', async () => {
    const params = call({}, { requestState: await ask(), ...yes });
    for (const replica of [0, 1] as const) {
      const { result } = await answerOf(await at(replica).stateless('tools/call', params, { meta }));
      expect(result?.structuredContent).toMatchObject({ task_id: TASK_ID });
    }
    const keys = started().map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([expect.stringMatching(/^[\da-f-]{36}$/), keys[0]]);
  });

  it('a client that declares the Tasks extension gets a handle once the user has accepted', async () => {
    const capabilities = { elicitation: { form: {} }, extensions: { 'io.modelcontextprotocol/tasks': {} } };
    const both = { 'io.modelcontextprotocol/clientCapabilities': capabilities };
    const params = call({}, { requestState: await ask(), ...yes });
    const { result } = await answerOf(await at(1).stateless('tools/call', params, { meta: both }));
    expect(result).toMatchObject({ resultType: 'task', taskId: TASK_ID });
  });

  it('an answer about a version that is no longer the newest is asked for again, and starts nothing', async () => {
    const params = call({}, { requestState: await ask(), ...yes });
    has({ version: 4 });
    const { result } = await answerOf(await at(1).stateless('tools/call', params, { meta }));
    expect(result).toMatchObject({ resultType: 'input_required' });
    expect(JSON.stringify(result)).toContain(`${SLUG}@4`);
    expect(started()).toEqual([]);
  });

  it('an answer without a state is asked for again', async () => {
    const { result } = await answerOf(await at(0).stateless('tools/call', call({}, yes), { meta }));
    expect(result).toMatchObject({ resultType: 'input_required' });
    expect(started()).toEqual([]);
  });
});
