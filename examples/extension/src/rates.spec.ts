import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';

import { startTestServer, type TestServer } from 'cyberun-mcp/extension/testing';

/** In place of the REST API. */
const api = createServer(({ url = '' }, response) => {
  const { pathname, searchParams } = new URL(url, 'http://rates');
  if (pathname === '/currencies') return response.end(JSON.stringify({ EUR: 'Euro', JPY: 'Japanese Yen' }));
  const to = searchParams.get('symbols') ?? '';
  if (to !== 'JPY') return response.writeHead(404).end('{"message":"not found"}');
  return response.end(JSON.stringify({ base: 'EUR', date: '2026-11-27', rates: { JPY: 160.5 } }));
});
let server: TestServer;

before(async () => {
  await new Promise<void>((resolve) => void api.listen(0, '127.0.0.1', resolve));
  process.env['RATES_URL'] = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const { RatesModule } = await import('./rates.module.js');
  server = await startTestServer({ modules: [RatesModule] });
});

after(async () => {
  await server.close();
  api.close();
});

test('the endpoint has the tools of the extension beside its own', async () => {
  const names = (await server.listTools()).map(({ name }) => name);
  assert.ok(['list_workflows', 'list_currencies', 'convert_amount'].every((name) => names.includes(name)));
});

test('an amount is converted at the rate of the REST API', async () => {
  const { structuredContent } = await server.callTool('convert_amount', {
    amount: 2,
    from: 'eur',
    to: 'JPY',
  });
  assert.deepEqual(structuredContent, { amount: 321, rate: 160.5, date: '2026-11-27' });
});

test('a wrong argument is named with its rule', async () => {
  const result = await server.callTool('convert_amount', {
    amount: -1,
    from: 'EUR',
    to: 'JPY',
    day: 'today',
  });
  assert.equal(result.isError, true);
  assert.match(
    JSON.stringify(result.structuredContent),
    /amount: must be at least 0.*day|day.*amount: must be/,
  );
});

test('an unknown currency is a failed call that says what to do', async () => {
  const result = await server.callTool('convert_amount', { amount: 1, from: 'EUR', to: 'XXX' });
  assert.equal(result.isError, true);
  assert.match(JSON.stringify(result.structuredContent), /See list_currencies/);
});

test('each key converts thirty amounts a minute', async () => {
  const convert = (key: string) =>
    server.callTool('convert_amount', { amount: 1, from: 'EUR', to: 'JPY' }, { key });
  for (let call = 0; call < 30; call += 1) assert.ok(!(await convert('sk-of-a-busy-client')).isError);
  const refused = await convert('sk-of-a-busy-client');
  assert.match(JSON.stringify(refused.structuredContent), /Only 30 amounts/);
  assert.ok(!(await convert('sk-of-another-client')).isError);
});
