import { Module } from '@nestjs/common';
import { McpController, Tool } from '@rekog/mcp-nest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { McpModule, RequiresPermission, Toolset } from '../../src/mcp/index.js';
import { CLIENTS, SESSION_CLIENTS } from '../support/clients.js';
import { FakeRuntime, KEY, McpApp } from '../support/mcp-app.js';
import { LEGACY, McpHttp, type Message, rpc } from '../support/mcp-http.js';

/** As an operator would write them: one class per toolset. */
@McpController()
@Toolset('maps')
class MapTools {
  @Tool({ name: 'find_place', description: 'Find a place.' })
  findPlace(): object {
    return { place: 'here' };
  }

  @Tool({ name: 'move_place', description: 'Move a place.' })
  @RequiresPermission('run')
  movePlace(): object {
    return { place: 'there' };
  }
}

@McpController()
@Toolset('secrets')
class SecretTools {
  @Tool({ name: 'tell_secret', description: 'Tell a secret.' })
  tellSecret(): object {
    return { secret: '…' };
  }
}

@Module({ imports: [McpModule], controllers: [MapTools, SecretTools] })
class OperatorModule {}

const READER = 'sk-reader-0123456789abcdef';
const OURS = ['find_place', 'move_place', 'tell_secret'];

const runtime = new FakeRuntime();
runtime.validate = (key) => ({
  isValid: true,
  ...(key === READER && { permissions: new Set<string>() }),
});
const start = (allowed: string): Promise<McpApp> =>
  McpApp.start({ modules: [OperatorModule], runtime, environment: { CYBERUN_MCP_TOOLSETS: allowed } });

let app: McpApp;
beforeAll(async () => {
  app = await start('maps');
});
afterAll(() => app[Symbol.asyncDispose]());

const http = (query = ''): McpHttp => new McpHttp({ url: app.url + query });
const oursOf = (names: readonly string[]): string[] => names.filter((name) => OURS.includes(name));
const toolsIn = ({ result }: Message): string[] => oursOf(result?.tools.map(({ name }) => name) ?? []);

/** A list by revision 2026-07-28. */
async function modern({ query = '', toolsets = '', params = {} }) {
  const headers = toolsets === '' ? {} : { 'X-MCP-Toolsets': toolsets };
  const response = await http(query).stateless('tools/list', params, { headers });
  return { status: response.status, ...((await response.json()) as Message) };
}

describe.each(CLIENTS)('$name', ({ connect }) => {
  it('a connection has the tools of a toolset only when it names it', async () => {
    await using plain = await connect({ endpoint: app.url, key: KEY });
    expect(oursOf(await plain.listTools())).toEqual([]);
    await expect(plain.call('find_place')).rejects.toThrow(
      'Tool find_place not found: it belongs to the toolset "maps", which this connection has not chosen. Connect with ?toolsets=maps or the header X-MCP-Toolsets',
    );
    await using chosen = await connect({ endpoint: `${app.url}?toolsets=maps`, key: KEY });
    expect(await chosen.listTools()).toEqual([...(await plain.listTools()), 'find_place', 'move_place']);
    expect((await chosen.call('find_place')).structuredContent).toEqual({ place: 'here' });
    await expect(chosen.call('tell_secret')).rejects.toThrow(/Tool tell_secret not found$/);
  });

  it('a key that may not call a tool of a toolset does not see it, and its call is refused', async () => {
    await using reader = await connect({ endpoint: `${app.url}?toolsets=all`, key: READER });
    expect(oursOf(await reader.listTools())).toEqual(['find_place']);
    expect(await reader.call('move_place')).toMatchObject({
      isError: true,
      structuredContent: { error_message: expect.stringContaining('lacks the permission "run"') },
    });
  });

  it('a toolset that is not allowed is refused by name, with those that are', async () => {
    const connecting = connect({ endpoint: `${app.url}?toolsets=maps,secrets`, key: KEY });
    await expect(connecting).rejects.toThrow(
      'Toolsets that this server does not allow: secrets. Allowed: maps. The default tools are always there.',
    );
  });
});

it('each request of 2026-07-28 names its toolsets, in the query or a header, with spaces and twice', async () => {
  expect(toolsIn(await modern({}))).toEqual([]);
  expect(toolsIn(await modern({ toolsets: ' maps , default,maps' }))).toEqual(OURS.slice(0, 2));
  expect(toolsIn(await modern({ query: '?toolsets=&toolsets=all' }))).toEqual(OURS.slice(0, 2));
  // By way of the SDK, because of the cursor.
  expect(toolsIn(await modern({ toolsets: 'maps', params: { cursor: '' } }))).toEqual(OURS.slice(0, 2));
  const { status, error } = await modern({ toolsets: 'maps,x y' });
  expect([status, error?.code, error?.message]).toEqual([
    400,
    -32602,
    'Invalid Request: Toolsets that this server does not allow: x y. Allowed: maps. The default tools are always there.',
  ]);
});

it('a session keeps the toolsets of its initialize, also when a later request names others', async () => {
  const chosen = http('?toolsets=maps');
  const session = await chosen.open({});
  const list = async (at: McpHttp, id: string): Promise<string[]> => {
    const response = await at.send('POST', rpc('tools/list', {}), { session: id });
    return toolsIn((await response.json()) as Message);
  };
  expect(await list(http(), session)).toEqual(OURS.slice(0, 2));
  expect(await list(chosen, await http().open({}))).toEqual([]);
});

it('a session goes on with its toolsets at a process that was started later, as far as that one allows them', async () => {
  const session = await http('?toolsets=maps').open({}, LEGACY);
  const listAt = async (later: McpApp): Promise<string[]> => {
    const response = await new McpHttp(later).send('POST', rpc('tools/list', {}), { session });
    return toolsIn((await response.json()) as Message);
  };
  await using same = await start('maps,secrets');
  await using stricter = await start('secrets');
  expect(await listAt(same)).toEqual(OURS.slice(0, 2));
  expect(await listAt(stricter)).toEqual([]);
});

it('a server that allows no toolset says so', async () => {
  await using none = await start('');
  const connect = SESSION_CLIENTS[0]?.connect({ endpoint: `${none.url}?toolsets=maps`, key: KEY });
  await expect(connect).rejects.toThrow(
    'Toolsets that this server does not allow: maps. None is: leave toolsets out, and you get the default tools.',
  );
});

it('a toolset in the settings that does not exist stops the start, which names those that do', async () => {
  await expect(start('maps,nowhere')).rejects.toThrow(
    'CYBERUN_MCP_TOOLSETS names "nowhere", which is no toolset of this server. There are: maps, secrets.',
  );
});
