import { homedir, hostname } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { completed } from './run-agent.js';

const { signal } = new AbortController();
const options = { gateways: ['https://runtime.example.com'], key: 'ak-key', labels: [], slots: 1, signal };

it('an agent is called as its host, and works in a folder of its name in the state directory', () => {
  const { agentId, workDir, cacheDir } = completed(options);
  expect(cacheDir).toBe(workDir);
  expect(agentId).toBe(hostname().slice(0, 80));
  expect(workDir).toBe(join(homedir(), '.local', 'state', 'cyberun', `agent-${agentId}`));
  expect(completed({ ...options, agentId: 'second' }).workDir).not.toBe(workDir);
});
