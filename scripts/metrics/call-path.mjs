// The way of one get_task call through src/mcp: which files run, by V8's precise coverage of the built server, and
// through which rooms (the folders of src/mcp) the stack leads from the request to the tool.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { call, ERAS, openSession, SESSIONS } from '../../bench/protocol.mjs';
import { startInspectedServer } from './inspected-server.mjs';

const TASK_ID = '00000000-0000-4000-8000-000000000001';
const TASK = { id: TASK_ID, task_status: 'running', created_at: '2026-11-22T10:00:00.000Z' };
const WARM_UP_CALLS = 20;
/** What runs in every one of these calls belongs to the call; a timer that happens to fire does not. */
const MEASURED_CALLS = 20;
const ASYNC_STACK_DEPTH = 64;
const TOOL = { file: /^src\/tools\/.*\.tools\.ts$/, method: 'getTask' };

/** For each revision: files of src/mcp with a function that ran, functions, and the files and rooms along the stack. */
export async function callPaths() {
  const server = await startInspectedServer((id) => (id === TASK_ID ? TASK : undefined));
  try {
    const paths = {};
    for (const revision of ERAS) paths[revision] = await callPath(server, revision);
    return paths;
  } finally {
    server.inspector.close();
    await server.stop();
  }
}

async function callPath({ endpoint, inspector }, revision) {
  const session = revision === SESSIONS ? await openSession(endpoint) : undefined;
  const getTask = () =>
    call(endpoint, revision, {
      session,
      method: 'tools/call',
      params: { name: 'get_task', arguments: { task_id: TASK_ID } },
    });
  for (let sent = 0; sent < WARM_UP_CALLS; sent++) await getTask();
  const executed = await executedInEvery(inspector, getTask);
  const inMcp = executed.filter(({ file }) => file.startsWith('src/mcp/'));
  const files = [...new Set(inMcp.map(({ file }) => file))].sort((a, b) => a.localeCompare(b));
  const tool = executed.find(({ file, name }) => TOOL.file.test(file) && name === TOOL.method);
  if (!tool)
    throw new Error(`get_task called no ${TOOL.method} in a file of tools; see ${import.meta.filename}`);
  const stack = await stackAt(inspector, tool, getTask);
  const way = collapse(stack);
  const rooms = collapse(way.filter((file) => file.startsWith('src/mcp/')).map(roomOf));
  return {
    files,
    functions: inMcp.length,
    filesByRoom: Object.groupBy(files, roomOf),
    way,
    rooms,
    enteredTwice: [...new Set(rooms.filter((room, index) => rooms.indexOf(room) !== index))],
  };
}

async function executedInEvery(inspector, getTask) {
  await inspector.send('Profiler.enable');
  await inspector.send('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  await getTask();
  let common;
  for (let measured = 0; measured < MEASURED_CALLS; measured++) {
    await inspector.send('Profiler.takePreciseCoverage');
    await getTask();
    const { result } = await inspector.send('Profiler.takePreciseCoverage');
    const found = new Map(
      result.flatMap(executedFunctions).map((each) => [`${each.url}:${each.start}`, each]),
    );
    common = common ? new Map([...common].filter(([key]) => found.has(key))) : found;
  }
  await inspector.send('Profiler.stopPreciseCoverage');
  return [...common.values()];
}

/** Functions of the product that ran, under the path of their source. */
const executedFunctions = ({ url, scriptId, functions }) =>
  sourceOf(url) === undefined
    ? []
    : functions
        .filter(({ ranges: [{ count }] }) => count > 0)
        .map(({ functionName: name, ranges: [{ startOffset: start, endOffset: end }] }) => ({
          file: sourceOf(url),
          url,
          scriptId,
          name,
          start,
          end,
        }));

/** Files of the product on the stack where the tool begins, from the request inwards, across awaits. */
async function stackAt(inspector, { url, scriptId, start, end }, getTask) {
  const place = placeIn(readFileSync(fileURLToPath(url), 'utf8'));
  await inspector.send('Debugger.enable');
  await inspector.send('Debugger.setAsyncCallStackDepth', { maxDepth: ASYNC_STACK_DEPTH });
  const { locations } = await inspector.send('Debugger.getPossibleBreakpoints', {
    start: { scriptId, ...place(start) },
    end: { scriptId, ...place(end) },
    restrictToFunction: true,
  });
  const { breakpointId } = await inspector.send('Debugger.setBreakpoint', { location: locations[0] });
  const paused = new Promise((resolve) => {
    inspector.on('Debugger.paused', (params) => {
      resolve(params);
      void inspector.send('Debugger.resume');
    });
  });
  await getTask();
  const { callFrames, asyncStackTrace } = await paused;
  await inspector.send('Debugger.removeBreakpoint', { breakpointId });
  await inspector.send('Debugger.disable');
  const urls = callFrames.map(({ url: at }) => at);
  for (let trace = asyncStackTrace; trace; trace = trace.parent)
    urls.push(...trace.callFrames.map(({ url: at }) => at));
  return urls.map(sourceOf).filter(Boolean).reverse();
}

const placeIn = (text) => (offset) => {
  const before = text.slice(0, offset).split('\n');
  return { lineNumber: before.length - 1, columnNumber: before.at(-1).length };
};

const sourceOf = (url) =>
  /\/dist\/(.+)\.js$/
    .exec(url.includes('/node_modules/') ? '' : url)?.[1]
    .replace(/^/, 'src/')
    .concat('.ts');
const roomOf = (file) => file.split('/').slice(2, -1)[0] ?? '(mcp)';
const collapse = (steps) => steps.filter((step, index) => step !== steps[index - 1]);
