import { describe, expect, it } from 'vitest';

import { McpApp } from '../support/mcp-app.js';
import { McpHttp, resultOf } from '../support/mcp-http.js';
import { OBJECTION, OBJECTORS } from '../support/objectors.js';

describe('a stranger who is the only one there', () => {
  it.each(OBJECTORS)('is heard by the model: %s', async (_who, module) => {
    await using app = await McpApp.start({ modules: [module] });
    const http = new McpHttp(app);
    const result = await resultOf(await http.modern('tools/call', { name: 'objected', arguments: {} }));
    expect(result).toMatchObject({ isError: true, structuredContent: { error_message: OBJECTION } });
  });
});
