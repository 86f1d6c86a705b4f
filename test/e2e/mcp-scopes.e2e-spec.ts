import { Injectable, Module } from '@nestjs/common';
import { McpController, Prompt, Resource, ResourceTemplate, Tool } from '@rekog/mcp-nest';
import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  Completion,
  type KeyTool,
  McpModule,
  RequiresPermission,
  ResourceList,
  type ToolSource,
  ToolSources,
} from '../../src/mcp/index.js';
import { answerOf, LEGACY, McpHttp, rpc } from '../support/mcp-http.js';
import { OAuthApp } from '../support/oauth-app.js';

/** A method of every kind, each of which needs the permission `run`. */
@McpController()
class GuardedMethods {
  static readonly ran: string[] = [];

  @RequiresPermission('run')
  @Tool({ name: 'guarded_tool', description: 'A tool' })
  tool(): object {
    GuardedMethods.ran.push('tool');
    return {};
  }

  @RequiresPermission('run')
  @Resource({ name: 'guarded', uri: 'guarded://one', description: 'A resource' })
  resource(): object {
    GuardedMethods.ran.push('resource');
    return {};
  }

  @RequiresPermission('run')
  @ResourceTemplate({ name: 'guarded_each', uriTemplate: 'guarded://each/{id}', description: 'A template' })
  template(): object {
    GuardedMethods.ran.push('resource-template');
    return {};
  }

  @RequiresPermission('run')
  @ResourceList('guarded')
  list(): object {
    GuardedMethods.ran.push('resource-list');
    return { resources: [], hasMore: false };
  }

  @RequiresPermission('run')
  @Prompt({ name: 'guarded_prompt', description: 'A prompt' })
  prompt(): object {
    GuardedMethods.ran.push('prompt');
    return { messages: [] };
  }

  @RequiresPermission('run')
  @Completion({ uriTemplate: 'guarded://each/{id}', argument: 'id' })
  completion(): object {
    GuardedMethods.ran.push('completion');
    return { values: [] };
  }
}

@McpController()
class OpenMethods {
  @Prompt({ name: 'open_prompt', description: 'A prompt' })
  prompt(): object {
    return { messages: [] };
  }

  @Resource({ name: 'open', uri: 'open://one', description: 'A resource' })
  resource(): object {
    return {};
  }
}

/** A tool of each key, which runs the guarded one. */
@Injectable()
class GuardedSource implements ToolSource {
  readonly toolset = 'guarded-tools';

  constructor(sources: ToolSources) {
    sources.add(this);
  }

  toolsFor(): Promise<readonly KeyTool[]> {
    const texts = { name: 'key_tool', title: 'Tool', description: 'A tool', whenLost: '', origin: 'it' };
    const inputSchema = { type: 'object' };
    return Promise.resolve([{ ...texts, inputSchema, runs: 'guarded_tool', argumentsOf: () => ({}) }]);
  }
}

@Module({
  imports: [McpModule],
  controllers: [GuardedMethods, OpenMethods],
  providers: [GuardedSource],
})
class GuardedModule {}

type Sent = readonly [method: string, params: Record<string, unknown>];

/** A request that runs a method of each kind. */
const RUNNING: Readonly<Record<string, Sent>> = {
  completion: [
    'completion/complete',
    { ref: { type: 'ref/resource', uri: 'guarded://each/{id}' }, argument: { name: 'id', value: '' } },
  ],
  prompt: ['prompts/get', { name: 'guarded_prompt' }],
  resource: ['resources/read', { uri: 'guarded://one' }],
  'resource-list': ['resources/list', {}],
  'resource-template': ['resources/read', { uri: 'guarded://each/7' }],
  tool: ['tools/call', { name: 'guarded_tool', arguments: {} }],
};

let oauth: OAuthApp;
let http: McpHttp;
beforeAll(async () => {
  oauth = await OAuthApp.start({
    file: { scopes: { access: ['cyberun'], run: ['cyberun.run'] } },
    modules: [GuardedModule],
    settings: { CYBERUN_MCP_TOOLSETS: 'guarded-tools' },
  });
  http = new McpHttp({ url: `${oauth.app.url}?toolsets=guarded-tools` });
});
afterAll(() => oauth[Symbol.asyncDispose]());

const tokenWith = (scope: string): Promise<string> => oauth.token({ claims: { scope } });

/** The request in every form: of 2026-07-28, of a session, and of a batch. */
async function sendAll([method, params]: Sent, key: string): Promise<Response[]> {
  const session = await http.open({}, LEGACY, { key });
  const batching = await http.open({}, '2025-03-26', { key });
  return [
    await http.stateless(method, params, { key }),
    await http.ask(session, rpc(method, params), { key }),
    await http.ask(batching, [rpc('ping', undefined, 1), rpc(method, params, 2)], { key }),
  ];
}

it('the requests below run a method of every kind that there is', () => {
  const kinds = [...oauth.app.strategy.getHandlers().values()].map(({ extras }) =>
    String(extras?.['mcpType']),
  );
  expect([...new Set(kinds)].toSorted()).toEqual(Object.keys(RUNNING));
});

it.each([...Object.entries(RUNNING), ['tool', ['tools/call', { name: 'key_tool', arguments: {} }]] as const])(
  'a %s that needs a further scope is refused with 403 that names it, by %j, in every revision, and runs with it',
  async (kind, sent) => {
    GuardedMethods.ran.length = 0;
    for (const response of await sendAll(sent, await tokenWith('cyberun'))) {
      expect(response.status).toBe(403);
      expect(response.headers.get('www-authenticate')).toMatch(
        /error="insufficient_scope".+scope="cyberun cyberun\.run"/,
      );
      expect(await response.json()).toMatchObject({ error: { code: -32000 } });
    }
    expect(GuardedMethods.ran).toEqual([]);
    for (const response of await sendAll(sent, await tokenWith('cyberun cyberun.run'))) {
      expect(response.status).toBe(200);
      expect(await response.text()).not.toContain('"error"');
    }
    expect(GuardedMethods.ran).toEqual([kind, kind, kind]);
  },
);

it.each<Sent>([
  ['prompts/get', { name: 'open_prompt' }],
  ['prompts/list', {}],
  ['resources/read', { uri: 'open://one' }],
  ['resources/templates/list', {}],
  ['tools/list', {}],
])('%s with %j needs no further scope', async (method, params) => {
  const response = await http.stateless(method, params, { key: await tokenWith('cyberun') });
  expect(response.status).toBe(200);
});

it.each<Sent>([
  ['completion/complete', { ref: 7 }],
  ['prompts/get', {}],
  ['resources/read', { uri: 'guarded://nowhere/else' }],
  ['tools/call', { name: 'no_such_tool', arguments: {} }],
])('%s with %j is answered as without access tokens', async (method, params) => {
  const response = await http.stateless(method, params, { key: await tokenWith('cyberun') });
  expect((await answerOf(response)).error?.code).toBe(-32602);
});
