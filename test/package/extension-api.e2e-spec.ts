import { expect, it } from 'vitest';

import { apiPage } from './api-page.js';

it('docs/extension-api.md has the interface of the package; what changes it needs a changeset', async () => {
  const page = apiPage();
  for (const name of ['ToolInput', 'ToolContext', 'READS', 'startTestServer'])
    expect(page).toContain(`\n### ${name}\n`);
  await expect(page).toMatchFileSnapshot('../../docs/extension-api.md');
});
