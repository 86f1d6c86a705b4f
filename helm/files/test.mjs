// What `helm test` runs, in the image of the chart: lists the tools, runs one workflow to its end, and opens a link to its output.
const {
  TEST_URL: url,
  TEST_KEY: key,
  TEST_WORKFLOW: workflow,
  TEST_PARAMETERS: parameters,
  TEST_SECONDS: seconds,
  TEST_LINKS: links,
  TEST_PUBLIC_URL: publicUrl,
} = process.env;
const REVISION = '2026-07-28';
const META = {
  'io.modelcontextprotocol/protocolVersion': REVISION,
  'io.modelcontextprotocol/clientInfo': { name: 'helm-test', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
const ENDED = new Set(['completed', 'failed', 'cancelled']);
const end = Date.now() + Number(seconds) * 1000;

/** Prints why the test fails, and what to do, and ends it. */
function fail(sentence) {
  console.error(`FAILED: ${sentence}`);
  process.exit(1);
}

async function request(method, params) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      Authorization: `Bearer ${key}`,
      'Content-Type': 'application/json',
      Accept: 'application/json, text/event-stream',
      'MCP-Protocol-Version': REVISION,
      'Mcp-Method': method,
      ...(params.name && { 'Mcp-Name': params.name }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: META } }),
    signal: AbortSignal.timeout(60_000),
  }).catch((error) => fail(`${url} does not answer (${error.cause?.code ?? error.message}).`));
  const text = await response.text();
  // One JSON object, or a stream of events whose last one is the answer.
  const data = text.startsWith('{')
    ? text
    : text
        .match(/^data: ?\{.*$/gm)
        ?.at(-1)
        ?.replace(/^data: ?/, '');
  const { result, error } = JSON.parse(data ?? '{}');
  if (response.status === 401) fail(`the key is refused: ${error?.message ?? 'no reason was given'}`);
  if (!result)
    fail(`${method} was answered with ${response.status}: ${error?.message ?? text.slice(0, 200)}`);
  return result;
}

async function call(name, args) {
  const { isError, structuredContent: content } = await request('tools/call', { name, arguments: args });
  if (isError) fail(`${name}: ${content?.error_message ?? 'it failed and gave no reason'}`);
  return content;
}

/**
 * Opens a link to an output. The public address may lead nowhere inside the cluster, so the link is opened at the Service, which
 * is where a client without an Ingress arrives. A redirect to an object store is followed only where pods reach that.
 */
async function open(name, link) {
  const target = link.startsWith(`${publicUrl}/`)
    ? new URL(link.slice(publicUrl.length), url)
    : new URL(link);
  const redirect = links === 'followed' ? 'follow' : 'manual';
  const response = await fetch(target, { redirect, signal: AbortSignal.timeout(60_000) }).catch((error) =>
    fail(
      `the link to ${name} cannot be opened (${error.cause?.code ?? error.message}): ${target.origin}, or the object store that it leads to, does not answer.`,
    ),
  );
  const bytes = (await response.arrayBuffer()).byteLength;
  const isElsewhere = response.status >= 300 && response.status < 400;
  if (!response.ok && !isElsewhere) fail(`the link to ${name} was answered with ${response.status}.`);
  return isElsewhere ? `it leads to ${new URL(response.headers.get('location')).origin}` : `${bytes} bytes`;
}

if (!key)
  fail(
    'there is no key. Make a Secret with an integration key (sk-…) and name it in tests.key.existingSecret.',
  );
const { tools } = await request('tools/list', {});
if (tools.length === 0) fail('there are no tools.');
console.log(`${tools.length} tools: ${tools.map(({ name }) => name).join(', ')}`);

if (workflow) {
  const { task_id: taskId } = await call('run_workflow_by_slug', {
    workflow_slug: workflow,
    body: JSON.parse(parameters),
  });
  let task = await call('get_task', { task_id: taskId });
  while (!ENDED.has(task.task_status)) {
    if (Date.now() > end)
      fail(
        `task ${taskId} is ${task.task_status} after ${seconds} seconds${task.status_reason ? `: ${task.status_reason}` : '. Raise tests.seconds if it takes longer'}.`,
      );
    await new Promise((resolve) => setTimeout(resolve, 500));
    task = await call('get_task', { task_id: taskId });
  }
  if (task.task_status !== 'completed')
    fail(`task ${taskId} is ${task.task_status}: ${task.task_error ?? 'no reason was given'}`);
  console.log(`workflow ${workflow}: task ${taskId} is completed`);
  const result = links ? await call('get_task_result', { task_id: taskId }) : {};
  const [output] = Object.entries(result.download_urls ?? {});
  if (output) console.log(`output ${output[0]}: ${await open(...output)}`);
}
