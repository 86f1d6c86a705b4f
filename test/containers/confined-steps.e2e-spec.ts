import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { shellWorkflow, TestAgent } from '../e2e/agent-support/agent-fixture.js';
import { RuntimeServer } from '../e2e/runtime-support/runtime-fixture.js';
import { until } from '../support/processes.js';

const PROBES = `node -e 'console.log("node works")' > output/node.txt
ls /proc | grep -c '^[0-9]' > output/processes.txt
ls "$(dirname "$HOME")" > output/runs.txt
ls "$(dirname "$(dirname "$HOME")")" > output/work.txt
cat "$SECRET" > output/secret.txt || true
echo x > /tmp/cyberun-confined && echo x > "$TMPDIR/y" && ls /tmp > output/tmp.txt
grep CapEff /proc/self/status > output/rights.txt
for place in / /etc /var/tmp /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/mm; do
  if [ -w $place ]; then echo $place; fi
done > output/written.txt`;

let server: RuntimeServer;
let agent: TestAgent;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cyberun-secret-'));
  const secret = join(folder, 'key');
  writeFileSync(secret, 'ak-secret');
  server = await RuntimeServer.start({
    'probes.yaml': shellWorkflow('probes', PROBES.replace('$SECRET', secret)),
    'sleep.yaml': shellWorkflow('sleep', 'setsid sleep 987654 & echo ready; sleep 987654'),
    'exit.yaml': shellWorkflow('exit', 'echo the reason >&2; exit 7'),
  });
  agent = await TestAgent.start(server, { confinement: { mode: 'bubblewrap', hidden: [secret] } });
});
afterAll(async () => {
  await agent?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const ended = async (id: string) => {
  await until(async () =>
    ['completed', 'failed', 'cancelled'].includes((await server.get(`/r/tasks/${id}`)).body.task_status),
  );
  return (await server.get(`/r/tasks/${id}/result`)).body;
};

it('a confined step sees its own processes and folder, and writes nothing else', async () => {
  const result = await ended(await server.submit('probes', {}));
  expect(result).toMatchObject({ task_status: 'completed', task_error: '' });
  const outputs = Object.entries(result.download_urls as Record<string, string>);
  const texts = await Promise.all(
    outputs.map(async ([name, url]) => [name, (await (await fetch(url)).text()).trim()] as const),
  );
  const { 'processes.txt': processes, ...rest } = Object.fromEntries(texts);
  expect(Number(processes)).toBeLessThan(8);
  expect(rest).toEqual({
    'node.txt': 'node works',
    'runs.txt': expect.stringMatching(/^run-\w+$/),
    'work.txt': 'runs',
    'secret.txt': '',
    'tmp.txt': expect.stringContaining('cyberun-confined\n'),
    'rights.txt': expect.stringMatching(/^CapEff:\s+0+$/),
    'written.txt': '',
  });
  expect(existsSync('/tmp/cyberun-confined')).toBe(false);
});

it('the task error of a confined step is that of other steps', async () => {
  const result = await ended(await server.submit('exit', {}));
  expect(result.task_error).toBe('the reason\nStep work ended with exit code 7.');
});

it('a cancelled run leaves no confined process, also none of another session', async () => {
  const sleeping = (): string[] =>
    readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes('987654'));
  const id = await server.submit('sleep', {});
  await until(async () => sleeping().length >= 2);
  await server.call('POST', `/r/tasks/${id}/cancel`, {});
  await until(async () => readdirSync(join(agent.workDir, 'runs')).length === 0);
  expect(sleeping()).toEqual([]);
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep\0')
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8')
      : '';
  } catch {
    return '';
  }
}
