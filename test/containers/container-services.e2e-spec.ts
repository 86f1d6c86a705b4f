import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';
import { IMAGE, PodmanService } from './podman-service.js';

const web = (data: string): string => `slug: web
docker_image: ${IMAGE}
command:
  - sh
  - -c
  - mkdir /tmp/www; cp /data/model /cyberun/files/web/page /tmp/www; echo "$NAME $PORT $NO_PROXY" > /tmp/www/health; exec httpd -f -p "$1" -h /tmp/www
  - sh
  - '\${ .port }'
port: 8099
env_config: [{ env_name: NAME, env_value: of the service }]
volume_config: [{ host_path: ${data}, container_path: /data, read_only: true }]
resources: { memory: 64Mi, cpu: 0.5 }
`;
const broken = (slug: string, command: string, more = ''): string =>
  `slug: ${slug}\ndocker_image: ${IMAGE}\ncommand: [sh, -c, '${command}']\nenv_config: [{ env_name: TOKEN, env_value: a-secret }]\n${more}`;

let podman: PodmanService;
let server: RuntimeServer;
let agent: TestAgent;
let data: string;
let folder: string;
beforeAll(async () => {
  [data = '', folder = ''] = ['data', 'services'].map((name) =>
    mkdtempSync(join(realpathSync(tmpdir()), `cyberun-${name}-`)),
  );
  writeFileSync(join(data, 'model'), 'weights');
  await mkdir(join(folder, 'web'));
  writeFileSync(join(folder, 'web/page'), 'a page');
  const definitions = {
    web: web(data),
    exits: broken('exits', 'echo "token $TOKEN"; exit 3'),
    memory: broken('memory', 'x=aaaaaaaa; while true; do x=$x$x; done', 'resources: { memory: 16Mi }\n'),
    refused: broken('refused', 'true', 'volume_config: [{ host_path: /etc, container_path: /mnt }]\n'),
  };
  for (const [name, text] of Object.entries(definitions)) writeFileSync(join(folder, `${name}.yaml`), text);
  podman = await PodmanService.start();
  server = await RuntimeServer.start({}, { env: { CYBERUN_SERVICES_DIR: folder } });
  vi.stubEnv('no_proxy', 'host.test');
  const containers = { ...podman.options, volumes: [`${data}:ro`] };
  agent = await TestAgent.start(server, { containers, isProxyShared: true });
  vi.unstubAllEnvs();
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  await podman?.[Symbol.asyncDispose]();
  for (const path of [data, folder]) rmSync(path, { recursive: true, force: true });
});

const service = async (slug: string) => (await server.get(`/r/containers/${slug}`)).body;
const running = (slug: string): Promise<void> =>
  until(async () => (await service(slug)).service_status === 'running');
const containersOf = (slug: string): string[] => podman.containers(`label=cyberun.service=${slug}`);

it('a container service is called through the runtime, with its port, variables, proxies, volume and files', async () => {
  await running('web');
  const called = async (path: string): Promise<string> => {
    const { status, body } = await server.call('POST', '/r/invoke/web', { method: 'GET', path });
    expect([status, body.status_code]).toEqual([200, 200]);
    return Buffer.from(body.body_base64 as string, 'base64').toString();
  };
  expect(await called('/health')).toBe('of the service 8099 host.test\n');
  expect(await called('/model')).toBe('weights');
  expect(await called('/page')).toBe('a page');
});

it('the description of a container service has its image, port, volumes and the label container', async () => {
  expect(await service('web')).toMatchObject({
    docker_image: IMAGE,
    exposed_port: 8099,
    required_labels: ['container'],
    gpu_count: 0,
    volume_config: [{ host_path: data, container_path: '/data', read_only: true }],
  });
});

it.each([
  ['exits', 'exit code 3', { exit_code: 3, log_lines: ['token [hidden]'] }],
  ['memory', 'more memory than its limit of 16 MiB', { exit_code: 137 }],
  ['refused', 'volume /etc is not allowed on this agent', {}],
])('the state of service %s says why its container failed', async (slug, reason, more) => {
  await until(async () => (await service(slug)).last_failure !== undefined);
  const { last_failure } = await service(slug);
  expect(last_failure).toMatchObject({ reason: expect.stringContaining(reason), ...more });
});

it('a container that ends is started again', async () => {
  await running('web');
  const [first = ''] = containersOf('web');
  podman.podman('kill', first);
  await until(async () => !containersOf('web').includes(first) && containersOf('web').length === 1);
  await running('web');
  expect((await service('web')).last_failure).toMatchObject({ exit_code: 137 });
});

it('a removed definition, and the end of the agent, leave no container', async () => {
  await rm(join(folder, 'web.yaml'));
  await until(async () => containersOf('web').length === 0);
  await writeFile(join(folder, 'web.yaml'), web(data));
  await running('web');
  await agent.stop();
  expect(podman.containers()).toEqual([]);
});
