import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY, RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';
import { IMAGE, PodmanService } from './podman-service.js';

/** A workflow of one container step; its lines are in the form of `run: container`. */
const workflow = (name: string, lines: string, more = ''): string => `document:
  dsl: '1.0.0'
  namespace: tests
  name: ${name}
  version: '1.0.0'
do:
  - work:
      run:
        container:
          image: ${IMAGE}
${lines
  .split('\n')
  .map((line) => `          ${line}`)
  .join('\n')}
${more}`;

const EVERYTHING = `command: |
  echo "::progress value=0.5,step=1,total=2::half way"
  echo "parameter $1 and $NAME, without a proxy $NO_PROXY and $no_proxy"
  sleep 0.1
  echo to stderr >&2
  cat "$CYBERUN_PARAMETERS" > output/parameters.json
  cat "$2" > "$CYBERUN_OUTPUT_DIR/copy.txt"
  echo "{\\"id\\": \\"$(id -u)\\", \\"at\\": \\"$CYBERUN_ATTEMPT\\"}" > output/result.json
  grep -E 'NoNewPrivs|CapEff' /proc/self/status > output/rights.txt
arguments: ['\${ .name }', '\${ .file }']
environment: { NAME: '\${ .name }' }`;

const FILE_PARAMETER = `input:
  schema:
    document:
      type: object
      properties: { name: { type: string }, file: { type: string, format: file } }
`;

const resources = (text: string): string => `      metadata: { resources: { ${text} } }\n`;

let podman: PodmanService;
let server: RuntimeServer;
let agent: TestAgent;
let data: string;
beforeAll(async () => {
  data = mkdtempSync(join(realpathSync(tmpdir()), 'cyberun-volume-'));
  writeFileSync(join(data, 'model'), 'weights');
  const volumes = `command: cat /model/model > output/a.txt; echo x > /model/new\nvolumes: { ${data}: '/model:ro' }`;
  podman = await PodmanService.start();
  server = await RuntimeServer.start({
    'everything.yaml': workflow('everything', EVERYTHING, FILE_PARAMETER),
    'sleep.yaml': workflow('sleep', 'command: trap "" TERM; echo ready; sleep 1000'),
    'timeout.yaml': workflow('timeout', 'command: sleep 1000', 'timeout: { after: { seconds: 1 } }\n'),
    'limited.yaml': workflow('limited', 'command: sleep 1000', '      timeout: { after: { seconds: 1 } }\n'),
    'default.yaml': workflow('default', "arguments: [cat, '/etc/hostname', '${ .name }']"),
    'exit.yaml': workflow('exit', 'command: echo the reason >&2; exit 7'),
    'missing.yaml': workflow('missing', 'pullPolicy: never').replace(IMAGE, 'docker.io/tests/missing:1'),
    'pulled.yaml': workflow('pulled', '').replace(IMAGE, '127.0.0.1:1/missing:1'),
    'refused.yaml': workflow('refused', 'command: ls /mnt\nvolumes: { /etc: /mnt }'),
    'volume.yaml': workflow('volume', volumes),
    'program.yaml': workflow('program', 'arguments: [no-such-program]'),
    'gpu.yaml': workflow('gpu', 'command: "true"', resources('gpus: 1')),
    'memory.yaml': workflow(
      'memory',
      'command: x=aaaaaaaa; while true; do x=$x$x; done',
      resources('memory: 32Mi'),
    ),
  });
  vi.stubEnv('no_proxy', 'host.test');
  const containers = { ...podman.options, volumes: [`${data}:ro`] };
  agent = await TestAgent.start(server, { containers, isProxyShared: true });
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await podman?.[Symbol.asyncDispose]();
  rmSync(data, { recursive: true, force: true });
});

const ended = async (id: string) => {
  await until(async () =>
    ['completed', 'failed', 'cancelled'].includes((await server.get(`/r/tasks/${id}`)).body.task_status),
  );
  return (await server.get(`/r/tasks/${id}/result`)).body;
};

const contentOf = async (url: string): Promise<string> => (await fetch(url)).text();

it('an agent with a container engine has the label container', async () => {
  const { agent_list } = (await server.get('/r/agents')).body;
  expect(agent_list[0].agent_labels).toContain('container');
});

it('a container step has files, parameters, outputs, result, log and progress as a process has', async () => {
  const upload = await server.call('POST', '/r/files/presign', {
    file_name: 'in.txt',
    file_size: 5,
    content_type: 'text/plain',
  });
  const { upload_url, upload_headers, file_key } = upload.body;
  await fetch(upload_url, { method: 'PUT', headers: upload_headers, body: 'input' });
  const id = await server.submit('everything', { name: 'a "b" $c', file: file_key });
  const result = await ended(id);
  expect(result).toMatchObject({ task_status: 'completed', task_output: { id: '0', at: '1' } });
  const outputs = result.download_urls as Record<string, string>;
  expect(Object.keys(outputs).sort()).toEqual(['copy.txt', 'parameters.json', 'rights.txt']);
  expect(await contentOf(outputs['copy.txt'] ?? '')).toBe('input');
  expect(JSON.parse(await contentOf(outputs['parameters.json'] ?? ''))).toMatchObject({ name: 'a "b" $c' });
  expect(await contentOf(outputs['rights.txt'] ?? '')).toMatch(/CapEff:\s+0+\n[^]*NoNewPrivs:\s+1/);
  const log = await fetch(`${server.origin}/api/v1/r/tasks/${id}/logs`, {
    headers: { authorization: `Bearer ${BOOTSTRAP_KEY}`, accept: 'text/plain' },
  });
  expect(await log.text()).toContain(
    'parameter a "b" $c and a "b" $c, without a proxy host.test and host.test\nto stderr\n',
  );
  const progress = (await server.events(id)).filter(({ event }) => event === 'progress');
  expect(progress.map(({ data: { progress: value, message } }) => [value, message])).toEqual([
    [0.5, 'half way'],
  ]);
});

it('a container step without a command runs the program of the image with the arguments', async () => {
  const result = await ended(await server.submit('default', { name: '/etc/none' }));
  expect(result.task_error).toContain("can't open '/etc/none'");
});

it('a container reads an allowed volume, and cannot write to one that is for reading only', async () => {
  const result = await ended(await server.submit('volume', {}));
  expect(result.task_error).toMatch(
    /can't create \/model\/new: Read-only file system\nStep work ended with exit code 1\.$/,
  );
  expect(readdirSync(data)).toEqual(['model']);
});

it.each([
  ['exit', 'that exits', /^the reason\nStep work ended with exit code 7\.$/],
  [
    'missing',
    'whose image is missing',
    /^Step work cannot start: image docker.io\/tests\/missing:1 is not on/,
  ],
  [
    'pulled',
    'whose image cannot be pulled',
    /cannot start: image 127.0.0.1:1\/missing:1 cannot be pulled: .*refused/,
  ],
  [
    'refused',
    'with a volume that is not allowed',
    /cannot start: volume \/etc is not allowed on this agent; .*--vol/,
  ],
  [
    'program',
    'whose program is missing',
    /cannot start: image .* does not have the program that it should run/,
  ],
  [
    'gpu',
    'that needs a GPU where there is none',
    /the container engine of the agent cannot give it a GPU\.$/,
  ],
  [
    'memory',
    'that needs too much memory',
    /exit code 137 \(it .*more memory than its limit of 32 MiB\) and wrote nothing to stderr\.$/,
  ],
  [
    'timeout',
    'that takes too long',
    /^The run took longer than its limit of 1 s and was stopped\. Step work was running\.$/,
  ],
  [
    'limited',
    'that takes longer than its own limit',
    /^Step work took longer than its limit of 1 s and was stopped\.$/,
  ],
])('the task error of step "%s", %s, says why', async (name, _what, message) => {
  const result = await ended(await server.submit(name, {}));
  expect(result).toMatchObject({ task_status: 'failed', task_error: expect.stringMatching(message) });
});

it('a cancelled container that ignores SIGTERM is killed, and nothing is left of it', async () => {
  const id = await server.submit('sleep', {});
  await until(async () => podman.containers(`label=cyberun.task=${id}`, 'status=running').length === 1);
  await server.call('POST', `/r/tasks/${id}/cancel`, {});
  await until(async () => (await readdir(join(agent.workDir, 'runs'))).length === 0);
  expect(podman.containers(`label=cyberun.task=${id}`)).toEqual([]);
});

it('after all of these runs no container is left', () => {
  expect(podman.containers()).toEqual([]);
});
