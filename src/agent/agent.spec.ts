import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import type { ClientHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';

import { Logger } from '@nestjs/common';
import { describe, expect, it } from 'vitest';

import { attach, Gateway, next, order, post } from '../../test/support/agent-gateway.js';
import type { AgentHello, LogChunk, RunReport, ServiceReport } from '../contract/index.js';
import { readLines, writeLine } from '../tunnel/index.js';

Logger.overrideLogger(false);

async function rest<Line>(lines: AsyncGenerator<Line>): Promise<Line[]> {
  const all: Line[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

const busy = 'echo "::progress value=0.5::"; sleep 600 & sleep 600';

describe('an agent', () => {
  it('an agent sends its key and identifies itself', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    expect(gateway.keys).toEqual(['Bearer ak-key']);
    expect(await json(session.request({ ':path': '/hello' }))).toMatchObject({
      agent_id: 'a1',
      labels: expect.arrayContaining(['local']),
      slots: 2,
    });
  });

  it('an agent runs an order and reports until its end', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const { reports } = await order(
      session,
      'echo "::progress value=0.5::"; echo done; echo 5 > output/result.json',
    );
    expect(await rest(reports)).toEqual([
      { type: 'started' },
      { type: 'progress', progress: 0.5, current_node: 'work' },
      { type: 'completed', output: 5, files: [], warnings: [] },
    ]);
    expect([...gateway.left('runs'), ...gateway.left('processes')]).toEqual([]);
  });

  it('an agent reports why a run failed, and when it took too long', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const failing = await order(session, 'echo because >&2; exit 3');
    const slow = await order(session, busy, { task_id: 'slow', timeout_seconds: 1 });
    expect((await rest(failing.reports)).at(-1)).toEqual({
      type: 'failed',
      error: 'because\nStep work ended with exit code 3.',
      is_final: false,
    });
    expect((await rest(slow.reports)).at(-1)).toEqual({
      type: 'failed',
      error: 'The run took longer than its limit of 1 s and was stopped. Step work was running.',
      is_final: false,
    });
  });

  it('an agent reports that it cannot read an order', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const stream = post(session, '/runs');
    await writeLine(stream, { type: 'order', order: { steps: [{ kind: 'dance' }] } });
    expect(await rest(readLines(stream))).toEqual([
      { type: 'failed', error: expect.stringMatching(/^The agent cannot read the order/), is_final: true },
    ]);
  });

  it.each([
    ['is cancelled', (stream: ClientHttp2Stream) => writeLine(stream, { type: 'cancel' })],
    ['has its order ended', async (stream: ClientHttp2Stream) => void stream.end()],
    ['is reset', async (stream: ClientHttp2Stream) => stream.close(8)],
  ])('an agent ends a run that %s without a report', async (_how, stop) => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const { stream, reports } = await order(session, busy);
    await reports.next();
    expect((await reports.next()).value).toMatchObject({ type: 'progress' });
    await stop(stream);
    expect(await rest(reports).catch(() => [])).toEqual([]);
    while (gateway.left('processes').length > 0 || gateway.left('runs').length > 0) {
      await new Promise(setImmediate);
    }
  });

  it('an agent ends the runs of an older gateway when that is lost, and dials again', async () => {
    await using gateway = await Gateway.withAgent();
    const { session, webSocket } = await gateway.connected();
    const { reports } = await order(session, busy);
    await reports.next();
    await reports.next();
    webSocket.terminate();
    const again = await gateway.connected();
    await expect
      .poll(() => [...gateway.left('runs'), ...gateway.left('processes')], { timeout: 60_000 })
      .toEqual([]);
    expect((await rest((await order(again.session, 'true')).reports)).at(-1)).toMatchObject({
      type: 'completed',
    });
  });

  it('an agent goes on with a run when the gateway is lost, and repeats to the next one what still matters', async () => {
    await using gateway = await Gateway.withAgent();
    const { session, webSocket } = await gateway.connected();
    const { reports } = await order(
      session,
      'echo "::progress value=0.5::"; sleep 1; echo done',
      {},
      { hold_seconds: 60 },
    );
    await reports.next();
    await reports.next();
    webSocket.terminate();
    const again = (await gateway.connected()).session;
    const { runs } = (await json(again.request({ ':path': '/hello' }))) as AgentHello;
    expect(runs).toEqual([{ task_id: 't', attempt: 1 }]);
    const attached = attach(again, 1);
    expect([await next(attached), await next(attached), await next(attached)]).toMatchObject([
      { type: 'started' },
      { type: 'progress', progress: 0.5 },
      { type: 'completed' },
    ]);
    const repeated = attach(again, 1);
    expect([await next(repeated), await next(repeated)]).toMatchObject([
      { type: 'started' },
      { type: 'completed' },
    ]);
    await writeLine(repeated.stream, { type: 'settled' });
    await expect
      .poll(async () => ((await json(again.request({ ':path': '/hello' }))) as AgentHello).runs)
      .toEqual([]);
  });

  it('an agent sends the log of a run to the next gateway from where the former one has stored it', async () => {
    await using gateway = await Gateway.withAgent();
    const { session, webSocket } = await gateway.connected();
    const command = 'echo one; echo two >&2; while [ ! -e go ]; do sleep 0.05; done; echo three';
    const { stream, reports } = await order(session, command, {}, { hold_seconds: 60, log_bytes: 1_000_000 });
    await reports.next();
    const chunks: LogChunk[] = [];
    while (chunks.length < 2) {
      const report = (await reports.next()).value as RunReport;
      if (report.type === 'log') chunks.push(...report.chunks);
    }
    expect(chunks).toMatchObject([
      { line: 1, text: 'one' },
      { line: 2, stream: 'stderr', text: 'two' },
    ]);
    await writeLine(stream, { type: 'logged', line: 1 });
    expect(await json(session.request({ ':path': '/hello' }))).toMatchObject({ runs: [{ task_id: 't' }] });
    webSocket.terminate();
    const again = (await gateway.connected()).session;
    const attached = attach(again, 1, 1_000_000);
    expect(await next(attached)).toEqual({ type: 'started' });
    expect(await next(attached)).toEqual({ type: 'log', chunks: [chunks[1]] });
    writeFileSync(join(gateway.workDir, 'runs', gateway.left('runs')[0] ?? '', 'go'), '');
    expect([await next(attached), await next(attached)]).toMatchObject([
      { type: 'log', chunks: [{ line: 3, stream: 'stdout', text: 'three' }] },
      { type: 'completed' },
    ]);
  });

  it('an agent that ends without its gateway leaves the reports of its runs to the next one', async () => {
    await using gateway = await Gateway.withAgent();
    const { session, webSocket } = await gateway.connected();
    const { reports } = await order(
      session,
      'echo 9007199254740993 > output/result.json',
      {},
      { hold_seconds: 60 },
    );
    expect([await reports.next(), await reports.next()]).toMatchObject([
      { value: { type: 'started' } },
      { value: { type: 'completed' } },
    ]);
    webSocket.terminate();
    await gateway.stopAgent();
    expect(gateway.left('reports')).toHaveLength(1);

    await using successor = await Gateway.withAgent(gateway.workDir);
    const again = (await successor.connected()).session;
    expect(await json(again.request({ ':path': '/hello' }))).toMatchObject({
      runs: [{ task_id: 't', attempt: 1 }],
    });
    const attached = attach(again, 1);
    expect([await next(attached), await next(attached)]).toMatchObject([
      { type: 'started' },
      { type: 'completed', files: [], warnings: [] },
    ]);
    await writeLine(attached.stream, { type: 'settled' });
    await expect.poll(() => successor.left('reports')).toEqual([]);
  });

  it('an agent leaves nothing of a run that it has given back', async () => {
    await using gateway = await Gateway.withAgent();
    const { session, webSocket } = await gateway.connected();
    const { reports } = await order(session, busy, {}, { hold_seconds: 60 });
    await reports.next();
    webSocket.terminate();
    await gateway.stopAgent();
    expect([...gateway.left('reports'), ...gateway.left('runs')]).toEqual([]);
  });

  it('an agent keeps the report of a run that reached its time limit while the gateway was lost', async () => {
    await using gateway = await Gateway.withAgent();
    const { session, webSocket } = await gateway.connected();
    const { reports } = await order(session, busy, { timeout_seconds: 1 }, { hold_seconds: 60 });
    await reports.next();
    webSocket.terminate();
    const again = (await gateway.connected()).session;
    await expect.poll(() => gateway.left('runs'), { timeout: 60_000 }).toEqual([]);
    const attached = attach(again, 1);
    expect([await next(attached), await next(attached)]).toMatchObject([
      { type: 'started' },
      {
        type: 'failed',
        error: 'The run took longer than its limit of 1 s and was stopped. Step work was running.',
      },
    ]);
  });

  it('an agent refuses to attach to a run that it does not have, or of another attempt', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    await order(session, busy, {}, { hold_seconds: 60 });
    const { stream } = attach(session, 2);
    const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(headers[':status']).toBe(404);
  });

  it('an agent ends a run of an earlier attempt when it is ordered anew, and any run that is cancelled', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const first = await order(session, busy, {}, { hold_seconds: 60 });
    await first.reports.next();
    const second = await order(session, busy, { attempt: 2 }, { hold_seconds: 60 });
    await second.reports.next();
    await expect.poll(() => gateway.left('runs').length, { timeout: 60_000 }).toBe(1);
    await writeLine(second.stream, { type: 'cancel' });
    await expect.poll(() => gateway.left('runs'), { timeout: 60_000 }).toEqual([]);
  });

  it('an agent ends a run whose runtime stays away for longer than it said', async () => {
    await using gateway = await Gateway.withAgent();
    const { session, webSocket } = await gateway.connected();
    const { reports } = await order(session, busy, {}, { hold_seconds: 0.5 });
    await reports.next();
    webSocket.terminate();
    await expect.poll(() => gateway.left('runs'), { timeout: 60_000 }).toEqual([]);
  });

  it('an agent ignores what a runtime still sends after another one has attached', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const former = await order(session, 'sleep 1', {}, { hold_seconds: 60 });
    await next(former);
    const attached = attach(session, 1);
    expect(await next(attached)).toEqual({ type: 'started' });
    await writeLine(former.stream, { type: 'cancel' });
    expect(await next(attached)).toMatchObject({ type: 'completed' });
  });

  it('an agent that drains says so, and gives back an order that was on its way', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const states = readLines(session.request({ ':path': '/state' }));
    expect((await states.next()).value).toEqual({ draining: false });
    const begun = await order(session, busy, {}, { hold_seconds: 60 });
    await next(begun);
    gateway.drain.abort();
    expect((await states.next()).value).toEqual({ draining: true });
    const late = await order(session, 'true', { task_id: 'late' }, { hold_seconds: 60 });
    expect(await rest(late.reports)).toEqual([{ type: 'returned' }]);
    expect(await json(session.request({ ':path': '/hello' }))).toMatchObject({
      draining: true,
      runs: [{ task_id: 't', attempt: 1 }],
    });
    await writeLine(begun.stream, { type: 'cancel' });
    await gateway.agent;
  });

  it('an agent exits when another one with its id has connected', async () => {
    await using gateway = await Gateway.withAgent();
    const { webSocket } = await gateway.connected();
    webSocket.close(4001);
    await expect(gateway.agent).rejects.toThrow('taken the place');
  });
});

const service = (command: string[]) => ({
  service_slug: 'web',
  command,
  environment: { GREETING: 'hello' },
  health_path: '/health',
  limits: {
    start_timeout_ms: 60_000,
    health_interval_ms: 5000,
    health_timeout_ms: 5000,
    health_failures: 3,
    request_timeout_ms: 60_000,
  },
  folder: '/nonexistent',
});

const serverCode = `
  const { createServer } = require('node:http');
  createServer((request, response) => {
    if (request.url === '/die') { console.log('dying of GREETING ' + process.env.GREETING); process.exit(9); }
    if (request.url === '/health') return response.end();
    response.setHeader('x-url', request.url);
    response.setHeader('set-cookie', ['a=1', 'b=2']);
    request.pipe(response);
    request.on('end', () => {});
  }).listen(process.argv[1], '127.0.0.1');`;

describe('a hosted service', () => {
  it('a hosted service is started, called, restarted when it dies, and stopped', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const stream = post(session, '/services');
    await writeLine(stream, service(['node', '-e', serverCode, '${ .port }']));
    const states = readLines(stream) as AsyncGenerator<ServiceReport>;
    const next = async (): Promise<ServiceReport | undefined> => (await states.next()).value ?? undefined;
    const running = { state: 'running', port: expect.any(Number) };
    expect([await next(), await next()]).toEqual([{ state: 'deploying' }, running]);

    const call = post(session, '/connections/web');
    const connected = once(call, 'response');
    const ended = once(call, 'trailers');
    call.write('POST /a?b=c HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody');
    expect((await connected)[0]).toMatchObject({ ':status': 200 });
    expect(await text(call)).toMatch(/^HTTP\/1\.1 200 OK\r\nx-url: \/a\?b=c\r\n[^]*body/);
    expect((await ended)[0]).toMatchObject({ 'cyberun-connection-end': 'whole' });

    const deadly = post(session, '/connections/web');
    const cut = once(deadly, 'trailers');
    deadly.write('GET /die HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await text(deadly)).toBe('');
    expect((await cut)[0]).toMatchObject({ 'cyberun-connection-end': expect.any(String) });
    expect(await next()).toEqual({
      state: 'failed',
      failure: { reason: 'exit code 9', exit_code: 9, log_lines: ['dying of GREETING [hidden]'] },
    });
    expect([await next(), await next()]).toEqual([{ state: 'deploying' }, running]);

    stream.end();
    expect(await rest(states)).toEqual([{ state: 'stopping' }, { state: 'stopped' }]);
    expect(gateway.left('processes')).toEqual([]);
  });

  it('a connection to a service that does not exist is refused', async () => {
    await using gateway = await Gateway.withAgent();
    const { session } = await gateway.connected();
    const call = session.request({ ':path': '/connections/none' });
    expect((await once(call, 'response'))[0]).toMatchObject({
      ':status': 502,
      'cyberun-connection-failure': 'the%20service%20is%20not%20running',
    });
  });
});
