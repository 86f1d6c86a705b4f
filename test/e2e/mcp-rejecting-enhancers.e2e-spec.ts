import { describe, expect, it } from 'vitest';

import { McpApp } from '../support/mcp-app.js';
import { McpHttp, resultOf } from '../support/mcp-http.js';
import { REJECTION, REJECTING_MODULES } from '../support/rejecting-enhancers.js';

describe('a module with one rejecting enhancer', () => {
  it.each(REJECTING_MODULES)('shows the model the reason of %s', async (_who, module) => {
    await using app = await McpApp.start({ modules: [module] });
    const http = new McpHttp(app);
    const result = await resultOf(await http.modern('tools/call', { name: 'rejected', arguments: {} }));
    expect(result).toMatchObject({ isError: true, structuredContent: { error_message: REJECTION } });
  });
});
