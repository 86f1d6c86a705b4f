import { randomUUID } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { CONFIG, type Config } from '../../src/config/index.js';
import { Database } from '../../src/runtime/database/index.js';
import { FilesService } from '../../src/runtime/files/index.js';
import { linkToken } from '../../src/runtime/files/link-token.js';
import { openKeyAdministration } from '../../src/runtime/index.js';
import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, echoWorkflow, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { CLIENTS, type StoryClient } from '../support/clients.js';
import { type McpApplication, startMcp } from '../support/mcp-application.js';
import { until } from '../support/processes.js';

const FILES = {
  'leave.yaml': shellWorkflow('leave', 'echo left > output/report.csv; echo second > "output/a b.txt"'),
  'read.yaml': echoWorkflow('read', {
    properties: '        input: { type: string, format: file, contentMediaType: text/csv }',
  }).replace('echo "$1"', 'cat input/*'),
};

let server: RuntimeServer;
let agent: TestAgent;
let application: McpApplication;
beforeAll(async () => {
  server = await RuntimeServer.start(FILES);
  agent = await TestAgent.start(server);
  application = await startMcp(`${server.origin}/api/v1`);
});
afterAll(async () => {
  await application[Symbol.asyncDispose]();
  await agent[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const keys = () => openKeyAdministration(server.app.get<Config>(CONFIG, { strict: false }));
const db = () => server.app.get(Database, { strict: false }).db;

async function completed(slug: string, parameters: Record<string, unknown>): Promise<string> {
  const id = await server.submit(slug, parameters);
  await until(async () => (await server.get(`/r/tasks/${id}`)).body.task_status === 'completed');
  return id;
}

async function linkOf(taskId: string, key = BOOTSTRAP_KEY): Promise<string> {
  const { body } = await server.get(`/r/tasks/${taskId}/result`, key);
  return (body.download_urls as Record<string, string>)['report.csv'] ?? '';
}

const refusal = async (link: string): Promise<[number, string]> => {
  const response = await fetch(link);
  return [response.status, ((await response.json()) as { error_message: string }).error_message];
};

describe('a short link', () => {
  let task: string;
  beforeAll(async () => {
    task = await completed('leave', {});
  });

  it('a short link ends after an hour, and says how to get a new one', async () => {
    const row = await db()
      .selectFrom('stored_file')
      .select('link_id')
      .where('file_key', 'like', `%${task}%report.csv`)
      .executeTakeFirstOrThrow();
    const credential = await db().selectFrom('credential').select('id').executeTakeFirstOrThrow();
    const secret = await db()
      .selectFrom('shared_secret')
      .select('secret_value')
      .where('secret_name', '=', 'short-links')
      .executeTakeFirstOrThrow();
    const at = (expires: number): string => {
      const grant = { linkId: row.link_id, credentialId: credential.id, expires };
      return `${server.origin}/api/v1/links/${linkToken(grant, secret.secret_value)}`;
    };
    const now = Math.floor(Date.now() / 1000);
    expect(await refusal(at(now - 1))).toEqual([
      410,
      expect.stringMatching(/^The link has expired: links hold for 60 minutes\. .*get_task_result/),
    ]);
    expect(await (await fetch(at(now + 60))).text()).toBe('left\n');
  });

  it('a short link ends with the key that asked for it, and no other', async () => {
    await using administration = await keys();
    const issued = await administration.create({ kind: 'integration', display_name: 'a' });
    const [link, other] = [await linkOf(task, issued.raw_key), await linkOf(task)];
    expect((await fetch(link)).status).toBe(200);
    await administration.revoke(issued.id);
    expect(await refusal(link)).toEqual([403, expect.stringContaining('has been revoked or has expired')]);
    expect((await fetch(other)).status).toBe(200);
  });

  it('a short link that is cut, changed or made up is refused with a sentence', async () => {
    const link = await linkOf(task);
    const at = link.length - 10;
    const changed = link.slice(0, at) + (link[at] === 'x' ? 'y' : 'x') + link.slice(at + 1);
    for (const bad of [link.slice(0, -1), `${link}x`, changed])
      expect(await refusal(bad), bad).toEqual([
        403,
        expect.stringMatching(/^This is no link of this runtime/),
      ]);
    const grant = { linkId: randomUUID(), credentialId: randomUUID(), expires: 4_000_000_000 };
    const unknown = `${server.origin}/api/v1/links/${linkToken(grant, 'another secret')}`;
    expect(await refusal(unknown)).toEqual([404, expect.stringContaining('not kept any more')]);
  });

  it('a short link to a file that is not kept any more says so', async () => {
    const id = await completed('leave', {});
    const link = await linkOf(id);
    await db().deleteFrom('stored_file').where('file_key', 'like', `%${id}%`).execute();
    expect(await refusal(link)).toEqual([404, expect.stringMatching(/^The file of this link is not kept/)]);
    expect((await server.get(`/r/tasks/${id}/result`)).body).toMatchObject({
      download_url: null,
      download_urls: {},
      file_keys: {},
    });
  });
});

describe('an output as the file of another run', () => {
  it('an output is the file parameter of another run by its file_key', async () => {
    const first = await completed('leave', {});
    const { body } = await server.get(`/r/tasks/${first}/result`);
    const file_key = (body.file_keys as Record<string, string>)['report.csv'];
    expect(file_key).toBe(`outputs/${first}/report.csv`);
    const second = await completed('read', { text: 'x', input: file_key });
    const { body: result } = await server.get(`/r/tasks/${second}/result`);
    expect(result.task_log).toContain('left');
  });

  it('an output of another team, of no task or of another type is refused by the name of the parameter', async () => {
    const first = await completed('leave', {});
    const run = (input: string) =>
      server.call('POST', '/r/workflows/slug/read/run', { parameters: { text: 'x', input } });
    const isRefused = async (input: string, words: string): Promise<void> => {
      const { status, body } = await run(input);
      expect([status, body.error_message], input).toEqual([400, expect.stringContaining(words)]);
    };
    await isRefused(`outputs/${first}/other.csv`, '"input" must be the file_key of a finished upload');
    await isRefused(`outputs/${first}/../report.csv`, '"input" must be the file_key');
    await isRefused(`outputs/${first}/a b.txt`, '"input" takes text/csv, but that output is text/plain');
    await using administration = await keys();
    await administration.createTeam('painters');
    const other = await db()
      .selectFrom('team')
      .select('id')
      .where('team_slug', '=', 'painters')
      .executeTakeFirstOrThrow();
    const files = server.app.get(FilesService, { strict: false });
    const parameter = { name: 'input', accept: undefined };
    expect(await files.inputFault(other.id, parameter, `outputs/${first}/report.csv`)).toContain(
      'must be the file_key of a finished upload',
    );
    await expect(files.inputLink(other.id, `outputs/${first}/report.csv`, 'public')).rejects.toThrow(
      'an input file is gone',
    );
  });
});

describe.each(CLIENTS)('the files of a task with $name', ({ connect }) => {
  let client: StoryClient;
  beforeAll(async () => {
    client = await connect({ endpoint: application.endpoint, key: BOOTSTRAP_KEY });
    await client.listTools();
  });
  afterAll(() => client[Symbol.asyncDispose]());

  it('a client runs a workflow, opens the links without its key and passes a file on to another run', async () => {
    const first = await client.call('run_workflow_by_slug', { workflow_slug: 'leave', wait_seconds: 45 });
    const { task_id } = first.structuredContent as { task_id: string };
    const { structuredContent } = await client.call('get_task_result', { task_id });
    const { download_urls, file_keys } = structuredContent as Record<string, Record<string, string>>;
    expect(Object.keys(download_urls ?? {})).toEqual(['a b.txt', 'report.csv']);
    expect(structuredContent).not.toHaveProperty('download_url');
    expect(await (await fetch(download_urls?.['a b.txt'] ?? '')).text()).toBe('second\n');
    const body = { text: 'x', input: file_keys?.['report.csv'] };
    const second = await client.call('run_workflow_by_slug', {
      workflow_slug: 'read',
      body,
      wait_seconds: 45,
    });
    expect(JSON.stringify(second.structuredContent)).toContain('left');
  });
});
