// What tests have a container do: each function is sent there as text, so it uses nothing but its argument and Node.

/** Waits until the server says that it is ready; gives the status of its last answer, 0 if there was none. */
export async function readiness(timeoutMs: number): Promise<number> {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const status = await fetch('http://127.0.0.1:8080/health/ready').then(
      (answer) => answer.status,
      () => 0,
    );
    if (status === 200 || Date.now() > end) return status;
    await new Promise((next) => setTimeout(next, 100));
  }
}

/** Greets the MCP endpoint as a client does; gives the name it answers with. */
export async function initialize(key: string): Promise<string | undefined> {
  const answer = await fetch('http://127.0.0.1:8080/api/v1/mcp', {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    }),
  });
  return /"serverInfo":\{"name":"([^"]+)"/.exec(await answer.text())?.[1];
}

/** Status of an MCP request without key: 401 where the endpoint is there and guarded. */
export async function unauthorized(): Promise<number> {
  const answer = await fetch('http://127.0.0.1:8080/api/v1/mcp', { method: 'POST', body: '{}' });
  return answer.status;
}

/** Runs a workflow to its end through the Runtime API; gives its output. */
export async function runWorkflow(request: { key: string; slug: string }): Promise<unknown> {
  const call = async (path: string, init: RequestInit = {}): Promise<Record<string, unknown>> => {
    const headers = { authorization: `Bearer ${request.key}`, 'content-type': 'application/json' };
    const answer = await fetch(`http://127.0.0.1:8080/api/v1/r/${path}`, { ...init, headers });
    if (!answer.ok) throw new Error(await answer.text());
    return (await answer.json()) as Record<string, unknown>;
  };
  const run = { method: 'POST', body: JSON.stringify({ parameters: {} }) };
  const { task_id: id } = await call(`workflows/slug/${request.slug}/run`, run);
  for (;;) {
    const { task_status: status } = await call(`tasks/${String(id)}`);
    if (status === 'completed' || status === 'failed') break;
    await new Promise((next) => setTimeout(next, 100));
  }
  const { task_output: output, task_error: error } = await call(`tasks/${String(id)}/result`);
  return error || output;
}

/** How many tasks the runtime remembers. */
export async function countTasks(key: string): Promise<number> {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch('http://127.0.0.1:8080/api/v1/r/tasks', { headers });
  const { task_list: tasks } = (await answer.json()) as { task_list: unknown[] };
  return tasks.length;
}

/** Processes that have ended and were not reaped, after giving one that still sleeps the time to end. */
export async function zombies(timeoutMs: number): Promise<string[]> {
  const { readdirSync, readFileSync } = process.getBuiltinModule('node:fs');
  const stats = (): string[] =>
    readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => {
        try {
          return readFileSync(`/proc/${pid}/stat`, 'utf8');
        } catch {
          return ''; // ended between listing and reading
        }
      });
  const end = Date.now() + timeoutMs;
  for (;;) {
    const sleeping = stats().filter((stat) => stat.includes('(sleep)') && !stat.includes(') Z'));
    const dead = stats().filter((stat) => stat.includes(') Z'));
    if ((sleeping.length === 0 && dead.length === 0) || Date.now() > end) return [...sleeping, ...dead];
    await new Promise((next) => setTimeout(next, 50));
  }
}
