import { expect, it } from 'vitest';

import { MCP_CLIENTS } from '../../src/clients/index.js';
import { MarkdownFile } from '../support/documents.js';
import { clientPage } from './client-pages.js';

it.each(MCP_CLIENTS)('docs/clients/$name.md is up to date', async (client) => {
  await expect(clientPage(client)).toMatchFileSnapshot(`../../docs/clients/${client.name}.md`);
});

it.each(MCP_CLIENTS)('docs/clients.md leads to the page of $title', ({ name, title }) =>
  expect(new MarkdownFile('docs/clients.md').text).toContain(`[${title}](clients/${name}.md)`),
);

it.each(MCP_CLIENTS.filter(({ place }) => place.startsWith('~')))(
  'the file of $title on the page is the one that connect makes on Linux',
  ({ files, place }) => expect(files({ platform: 'linux', home: '~', environment: {} })[0]).toBe(place),
);
