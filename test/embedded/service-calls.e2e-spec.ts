import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';

import { AgentRegistry } from '../../src/runtime/gateway/index.js';
import { keysOf } from '../e2e/agent-support/agent-fixture.js';
import { BOOTSTRAP_KEY } from '../e2e/runtime-support/runtime-fixture.js';
import { answering, definitionOf, ServiceServer } from '../e2e/service-support/service-fixture.js';
import { until } from '../support/processes.js';

const KEY = `Bearer ${BOOTSTRAP_KEY}`;
const FIVE_MEGABYTES = Buffer.alloc(5_000_000, 'x');

let services: ServiceServer;

beforeAll(async () => {
  services = await ServiceServer.start({
    'busy.yaml': definitionOf('odd', 'busy', 'health: { interval: 100ms, timeout: 1s, failures: 2 }\n'),
    'hanging.yaml': definitionOf(
      'odd',
      'hanging',
      'health: { interval: 100ms, timeout: 1s, failures: 2 }\nrequest_timeout: 1s\n',
    ),
    'slow.yaml': definitionOf('odd', 'slow', 'request_timeout: 1s\n'),
    'loading.yaml': `slug: loading\ncommand: [node, -e, 'console.log("loading"); setInterval(() => {}, 1000)']\nstart_timeout: 1s\n`,
    'crashing.yaml': `slug: crashing\ncommand: [node, -e, 'console.error("no model at " + process.env.MODEL); process.exit(7)']
env_config: [{ env_name: MODEL, env_value: s3cr3t-bucket }]\n`,
  });
  await Promise.all(['busy', 'hanging', 'slow'].map((slug) => services.running(slug)));
});
afterAll(() => services[Symbol.asyncDispose]());

const decoded = (body: { body_base64: string }): string => Buffer.from(body.body_base64, 'base64').toString();

it.each([
  ['HTTP/1.1 600 X\r\nContent-Length: 2\r\n\r\nok', 'is not valid HTTP'],
  ['HTTP/1.1 999 X\r\nContent-Length: 2\r\n\r\nok', 'is not valid HTTP'],
  ['HTTP/1.1 099 X\r\nContent-Length: 2\r\n\r\nok', 'is not valid HTTP'],
  ['HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n', 'is not valid HTTP'],
  ['HTTP/1.1 200 OK\r\nBad Header: x\r\n\r\n', 'is not valid HTTP'],
  ['SSH-2.0-OpenSSH_9.9\r\n', 'is not valid HTTP'],
  ['', 'failed before it answered'],
])(
  'a response that is no HTTP gets its caller a 502 and does not affect others: %j',
  async (answer, sentence) => {
    const before = await services.connectedAt();
    const path = answering(['say', answer], ['end']);
    const relayed = await services.relayed('literal', path);
    expect([relayed.status, await relayed.json()]).toEqual([
      502,
      { error_message: expect.stringContaining(sentence) },
    ]);
    expect(await services.invoke('literal', path)).toMatchObject({
      status: 502,
      body: { error_message: expect.stringContaining(sentence) },
    });
    expect((await services.relayed('odd', '/')).status).toBe(200);
    expect(await services.connectedAt()).toBe(before);
  },
);

it('the relay of services rejects headers above 32 KiB with a sentence, and the agent goes on', async () => {
  const before = await services.connectedAt();
  for (const size of [33_000, 66_000, 1_000_000]) {
    const headers = { 'X-Big': 'x'.repeat(size) };
    const { status, body } = await services.invoke('odd', '/', { headers });
    expect([status, body.error_message]).toEqual([
      400,
      expect.stringMatching(/^headers .* at most 32768 bytes/),
    ]);
  }
  expect((await services.relayed('odd', '/', { headers: { 'X-Big': 'x'.repeat(66_000) } })).status).toBe(431);
  expect((await services.invoke('odd', '/', { headers: { 'X-Fits': 'x'.repeat(12_000) } })).status).toBe(200);
  expect(await services.connectedAt()).toBe(before);
});

it('the relay of services keeps every byte above 0x7F in headers of responses', async () => {
  const answer = 'HTTP/1.1 200 OK\r\nX-Name: caf\u00E9 \u00C3\u00A9 \u00FF\r\nContent-Length: 2\r\n\r\nok';
  const path = answering(['say', answer], ['end']);
  const socket = connect(Number(new URL(services.server.origin).port), '127.0.0.1');
  socket.write(
    `GET /api/v1/r/containers/literal${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${KEY}\r\nConnection: close\r\n\r\n`,
  );
  socket.setEncoding('latin1');
  expect(await text(socket)).toMatch(/\r\nx-name: caf\u00E9 \u00C3\u00A9 \u00FF\r\n/i);
  expect((await services.invoke('literal', path)).body.headers['x-name']).toBe(
    'caf\u00E9 \u00C3\u00A9 \u00FF',
  );

  const sent = { 'X-Name': 'caf\u00E9 \u00FF' };
  const seen = JSON.parse(decoded((await services.invoke('odd', '/', { headers: sent })).body));
  expect(seen.headers['x-name']).toBe('caf\u00E9 \u00FF');
  const relayed = (await (await services.relayed('odd', '/', { headers: sent })).json()) as typeof seen;
  expect(relayed.headers['x-name']).toBe('caf\u00E9 \u00FF');
});

it('the relay of services percent-encodes non-ASCII characters of a path', async () => {
  const { body } = await services.invoke('odd', '/caf\u00E9/\u4E2D?q=\u{1F600}%20');
  expect(JSON.parse(decoded(body)).url).toBe('/caf%C3%A9/%E4%B8%AD?q=%F0%9F%98%80%20');
  expect((await services.invoke('odd', '/\uD800')).status).toBe(200);
});

it('the relay of services relays a 204 with a Content-Length as a 204', async () => {
  const path = answering(['say', 'HTTP/1.1 204 No Content\r\nContent-Length: 5\r\nX-A: b\r\n\r\n'], ['end']);
  const answer = await services.relayed('literal', path);
  expect([answer.status, answer.headers.get('content-length'), answer.headers.get('x-a')]).toEqual([
    204,
    null,
    'b',
  ]);
  expect((await services.invoke('literal', path)).body).toMatchObject({
    status_code: 204,
    body_base64: '',
  });
});

it('a response that is too large for one JSON document is answered with 502', async () => {
  const { status, body } = await services.invoke('odd', '/huge');
  expect([status, body.error_message]).toEqual([502, expect.stringContaining('answers with more than')]);
});

it.each([
  ['that goes on reading', 'odd', '/early'],
  [
    'that closes',
    'literal',
    answering(['say', 'HTTP/1.1 413 X\r\nContent-Length: 7\r\n\r\ntoo big'], ['end']),
  ],
  [
    'that resets',
    'literal',
    answering(['say', 'HTTP/1.1 413 X\r\nContent-Length: 7\r\n\r\ntoo big'], ['reset']),
  ],
])('an early response of a service %s arrives at once, in 8 of 8 calls', async (_how, slug, path) => {
  const answers = Array.from({ length: 8 }, async () => {
    const answer = await services.relayed(slug, path, { method: 'PUT', body: FIVE_MEGABYTES });
    return [answer.status, await answer.text()];
  });
  expect(await Promise.all(answers)).toEqual(Array.from({ length: 8 }, () => [413, 'too big']));
  const body_base64 = FIVE_MEGABYTES.subarray(0, 1_000_000).toString('base64');
  const invoked = await services.invoke(slug, path, { method: 'PUT', body_base64 });
  expect(invoked.body).toMatchObject({ status_code: 413 });
});

it('an early response arrives while the caller has not sent any of its body', async () => {
  const call = request(`${services.server.origin}/api/v1/r/containers/odd/early`, {
    method: 'PUT',
    headers: { authorization: KEY, 'content-length': '5000000' },
  });
  call.on('error', () => undefined);
  call.flushHeaders();
  const [answer] = await once(call, 'response');
  expect([answer.statusCode, await text(answer)]).toEqual([413, 'too big']);
  call.destroy();
});

it('a service behind the relay receives the public address of the call', async () => {
  const answer = await services.relayed('odd', '/', { headers: { 'x-forwarded-for': '203.0.113.9' } });
  expect(((await answer.json()) as { headers: object }).headers).toMatchObject({
    'x-forwarded-for': '203.0.113.9, 127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': new URL(services.server.origin).host,
    'x-forwarded-prefix': '/api/v1/r/containers/odd',
  });
});

it.each(['/next?a=1', 'http://OWN/next?a=1'])(
  'a service behind the relay redirects to %s by the address of the relay',
  async (to) => {
    const path = `/redirect?to=${encodeURIComponent(to)}`;
    const answer = await services.relayed('odd', path);
    expect([answer.status, answer.headers.get('location')]).toEqual([
      307,
      '/api/v1/r/containers/odd/next?a=1',
    ]);
    expect((await services.relayed('odd', path, { redirect: 'follow' })).status).toBe(200);
    // A model names paths of the service.
    expect((await services.invoke('odd', path)).body.headers.location).toBe('/next?a=1');
  },
);

const dial = (path: string, key = KEY): WebSocket =>
  new WebSocket(`${services.server.origin.replace('http', 'ws')}/api/v1/r/containers/odd${path}`, ['chat'], {
    headers: { authorization: key },
  });
const refusal = async (path: string, key?: string): Promise<[number, string, string?]> => {
  const webSocket = dial(path, key);
  webSocket.on('error', () => undefined);
  const [, answer] = await once(webSocket, 'unexpected-response');
  return [answer.statusCode, await text(answer), answer.headers['x-why']];
};

it('a WebSocket to a service is relayed in both directions until it closes', async () => {
  const webSocket = dial('/room?a=1');
  const [welcome] = await once(webSocket, 'message');
  expect(String(welcome)).toBe('welcome to /room?a=1, /api/v1/r/containers/odd');
  expect(webSocket.protocol).toBe('chat');
  for (const message of [Buffer.from('hello'), Buffer.alloc(3_000_000, 7)]) {
    webSocket.send(message);
    const [echoed, isBinary] = await once(webSocket, 'message');
    expect([(echoed as Buffer).equals(message), isBinary]).toEqual([true, true]);
  }
  webSocket.close(4321, 'enough');
  expect(await once(webSocket, 'close')).toEqual([4321, Buffer.from('enough')]);
});

it('a WebSocket that the service rejects gets the response of the service', async () => {
  expect(await refusal('/refused')).toEqual([426, 'never', 'not here']);
});

it('a WebSocket to a service needs a key with permission "invoke"', async () => {
  const { raw_key } = await keysOf(services.server).create({
    kind: 'integration',
    display_name: 'no invoke',
    permissions: ['run'],
  });
  expect((await refusal('/room', 'Bearer sk-wrong'))[0]).toBe(401);
  expect(await refusal('/room', `Bearer ${raw_key}`)).toMatchObject([
    403,
    expect.stringContaining('invoke'),
    undefined,
  ]);
});

it('a busy service that cannot answer probes stays running', async () => {
  const answer = await services.relayed('busy', '/busy?ms=3000');
  const { pid } = (await answer.json()) as { pid: number };
  expect(((await (await services.relayed('busy', '/')).json()) as { pid: number }).pid).toBe(pid);
  expect((await services.server.get('/r/containers/busy')).body.last_failure).toBeUndefined();
});

it('a service that answers neither probes nor callers is restarted after health.failures', async () => {
  expect((await services.relayed('hanging', '/busy?ms=60000')).status).toBe(504);
  await until(async () => {
    const { body } = await services.server.get('/r/containers/hanging');
    return body.last_failure?.reason === 'its health path did not answer 2 times in a row (health.failures)';
  });
  await services.running('hanging');
});

it('request_timeout limits how long a response may take to begin', async () => {
  const answer = await services.relayed('slow', '/never');
  expect([answer.status, await answer.json()]).toEqual([
    504,
    { error_message: 'Service "slow" did not begin to answer within 1 s. The call may have taken effect.' },
  ]);
});

it('start_timeout limits how long a start may take', async () => {
  await until(async () => {
    const { body } = await services.server.get('/r/containers/loading');
    return body.last_failure?.reason === 'its health path did not answer within 1 s (start_timeout)';
  });
  expect((await services.invoke('loading', '/')).body.last_failure).toMatchObject({ log_lines: ['loading'] });
});

it('a service that keeps failing shows its exit code and the end of its log, without secrets', async () => {
  const twice = async (): Promise<boolean> =>
    (await services.server.get('/r/containers/crashing')).body.last_failure?.failures_in_a_row >= 2;
  await until(twice);
  const { body } = await services.server.get('/r/containers/crashing');
  expect(body.last_failure).toEqual({
    reason: 'exit code 7',
    exit_code: 7,
    failed_at: expect.stringMatching(/Z$/),
    failures_in_a_row: expect.any(Number),
    log_lines: ['no model at [hidden]'],
  });
  for (const call of [services.invoke('crashing', '/'), services.server.get('/r/containers/crashing/')]) {
    const { status, body: refusal } = await call;
    expect(status).toBe(409);
    expect(refusal.error_message).toMatch(
      /^Service "crashing" takes no calls now, since it is \w+: it has failed \d+ times in a row, last at .*: exit code 7; .*last_failure\.log_lines/,
    );
    expect(refusal.error_message).not.toContain('no model');
    expect(refusal.last_failure).toMatchObject({ exit_code: 7, log_lines: ['no model at [hidden]'] });
  }
  expect(body.status_reason).toMatch(/^it has failed \d+ times in a row/);
  const list = (await services.server.get('/r/containers?per_page=100')).body.service_list as object[];
  expect(list.filter((one) => 'last_failure' in one)).not.toHaveLength(0);
  expect(JSON.stringify(list.map((one) => Reflect.get(one, 'last_failure')))).not.toContain('log_lines');
});

it.each(['goaway', 'close'] as const)(
  'an agent without free streams reconnects after %s, and its services run again',
  async (how) => {
    const before = await services.connectedAt();
    const [agent] = services.server.app.get(AgentRegistry, { strict: false }).list();
    agent?.session[how]();
    await until(async () => ![undefined, before].includes(await services.connectedAt()));
    await services.running('odd');
    expect((await services.relayed('odd', '/')).status).toBe(200);
  },
);
