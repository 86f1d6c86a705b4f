import { expect, it } from 'vitest';

import { parseServiceText } from '../../../test/support/compile.js';
import { fromService, toService } from './proxy-headers.js';

const parse = (text: string) => parseServiceText('notes.yaml', text);
const minimal = 'slug: notes\ncommand: [node, notes.mjs]\n';

it('a service file needs a slug and a command; everything else has a default', async () => {
  expect(await parse(minimal)).toEqual({
    beside: ['notes', 'notes.mjs'],
    files: [],
    slug: 'notes',
    command: ['node', 'notes.mjs'],
    port: 8080,
    health_path: '/health',
    health: { interval: 5000, timeout: 5000, failures: 3 },
    start_timeout: 600_000,
    request_timeout: 600_000,
    env_config: [],
    required_labels: [],
    replica_count: 1,
  });
});

it('a service file may pass the port as an argument, and numbers as variables', async () => {
  const { command, env_config } = await parse(
    "slug: notes\ncommand: [serve, '${ .port }']\nenv_config: [{ env_name: LIMIT, env_value: 5 }]\n",
  );
  expect([command[1], env_config]).toEqual(['${ .port }', [{ env_name: 'LIMIT', env_value: '5' }]]);
});

it('a service file with an image needs no command, and requires the label container', async () => {
  const text =
    'slug: notes\ndocker_image: docker.io/library/notes:1\nrequired_labels: [gpu]\ngpu_count: -1\n';
  expect(await parse(text)).toMatchObject({
    command: [],
    docker_image: 'docker.io/library/notes:1',
    required_labels: ['gpu', 'container'],
    gpu_count: -1,
    beside: ['notes'],
  });
});

it('a service file takes durations with a unit, or in seconds', async () => {
  const limits =
    'start_timeout: 20m\nrequest_timeout: 90\nhealth: { interval: 1.5s, timeout: 250ms, failures: 10 }\n';
  expect(await parse(minimal + limits)).toMatchObject({
    start_timeout: 1_200_000,
    request_timeout: 90_000,
    health: { interval: 1500, timeout: 250, failures: 10 },
  });
});

it.each([
  ['an unknown word', `${minimal}image: x\n`, 3, '"image" is not supported'],
  ['neither command nor image', 'slug: notes\n', 1, 'command: must be a program and its arguments, or'],
  ['a volume of a process', `${minimal}volume_config: []\n`, 3, 'is for a service with docker_image'],
  ['no name of an image', 'slug: notes\ndocker_image: a b\n', 2, 'must be the name of an image'],
  [
    'a relative volume',
    'slug: notes\ndocker_image: a\nvolume_config: [{ host_path: data, container_path: /data }]\n',
    3,
    'volume_config.0.host_path: must be an absolute path',
  ],
  ['a bad slug', 'slug: No\ncommand: [a]\n', 1, 'slug: must be 3 to 100'],
  ['an empty command', 'slug: notes\ncommand: []\n', 2, 'command: '],
  ['another reference', "slug: notes\ncommand: [a, 'x ${ .port }']\n", 2, 'may hold no reference but'],
  ['too many replicas', `${minimal}replica_count: 11\n`, 3, 'replica_count: must be 1 to 10'],
  ['a relative path', `${minimal}health_path: health\n`, 3, 'must begin with "/"'],
  ['an unknown word within', `${minimal}health:\n  retries: 3\n`, 4, '"health.retries" is not supported'],
  ['no duration', `${minimal}start_timeout: soon\n`, 3, 'start_timeout: must be a duration from 1s to 24h'],
  ['an unknown unit', `${minimal}request_timeout: 2d\n`, 3, 'request_timeout: must be a duration'],
  ['too long a duration', `${minimal}request_timeout: 25h\n`, 3, 'from 1s to 24h'],
  ['no failure allowed', `${minimal}health: { failures: 0 }\n`, 3, 'health.failures: '],
  ['no mapping', '- a\n', 1, 'mapping'],
])('a service file with %s is refused with file, line and reason', async (_what, text, line, reason) => {
  await expect(parse(text)).rejects.toThrow(
    expect.objectContaining({ file: 'notes.yaml', line, reason: expect.stringContaining(reason) }),
  );
});

it('only headers for the service are forwarded', () => {
  const relayed = toService({
    authorization: 'Bearer sk-1',
    Cookie: 'a',
    host: 'h',
    connection: 'keep-alive, X-Secret',
    'x-secret': '1',
    te: 'trailers',
    accept: 'text/plain',
    'content-length': '3',
  });
  expect(relayed).toEqual({ accept: 'text/plain', 'content-length': '3' });
});

it('every value of a response header is forwarded', () => {
  const headers = { ':status': '200', 'set-cookie': ['a', 'b'], upgrade: 'h2c', etag: 'x' };
  expect(fromService(headers)).toEqual({ 'set-cookie': ['a', 'b'], etag: 'x' });
});
