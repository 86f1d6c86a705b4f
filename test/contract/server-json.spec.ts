import { expect, it } from 'vitest';

import { iconsOf, IDENTITY, KEY_HEADER } from '../../src/page/discovery.js';

/** The limits of the registry's schema of 2025-12-11. */
const LONGEST_DESCRIPTION = 100;
const NAME = /^[a-zA-Z0-9.-]+\/[a-zA-Z0-9._-]+$/;
/** Cyberun's own endpoint. */
const HOSTED = 'https://core.cyberun.cloud/api/v1/mcp';

it('server.json says what the server card says, in the form of the MCP registry', async () => {
  const server = {
    $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
    ...IDENTITY,
    icons: iconsOf(HOSTED),
    remotes: [{ type: 'streamable-http', url: HOSTED, headers: [KEY_HEADER] }],
  };
  await expect(`${JSON.stringify(server, null, 2)}\n`).toMatchFileSnapshot('../../server.json');
});

it('the identity keeps the limits of the registry', () => {
  expect(IDENTITY.name).toMatch(NAME);
  expect(IDENTITY.description.length).toBeLessThanOrEqual(LONGEST_DESCRIPTION);
  expect(IDENTITY.version).toMatch(/^\d+\.\d+\.\d+/);
});
