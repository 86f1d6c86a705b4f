import { expect, it } from 'vitest';

import { McpApp, MOUNT } from '../support/mcp-app.js';
import { McpHttp, resultOf } from '../support/mcp-http.js';
import { REJECTING_MODULES, REJECTION } from '../support/rejecting-enhancers.js';

it.each(REJECTING_MODULES)(
  'the message of a tool call that is rejected by %s reaches the model',
  async (what, module) => {
    const mount = what.startsWith('a global') ? 'controller' : MOUNT;
    await using app = await McpApp.start({ modules: [module], mount });
    const http = new McpHttp(app);
    const result = await resultOf(await http.stateless('tools/call', { name: 'rejected', arguments: {} }));
    expect(result).toMatchObject({ isError: true, structuredContent: { error_message: REJECTION } });
  },
);
