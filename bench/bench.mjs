import { calls } from './cases/calls.mjs';
import { lists } from './cases/lists.mjs';
import { proxied } from './cases/proxied.mjs';
import { sessions } from './cases/sessions.mjs';
import { starts } from './cases/starts.mjs';
import { streams } from './cases/streams.mjs';
import { tasks } from './cases/tasks.mjs';
import { tracing } from './cases/tracing.mjs';
import { describeCommit, describeMachine } from './machine.mjs';
import { OtherLoad } from './other-load.mjs';
import { recordTools } from './peers.mjs';
import { printCase, printFailure, printBudgets, writeJson } from './report.mjs';
import { writePage } from './page.mjs';
import { pinThisProcess, serverScript, ServerProcess } from './server-process.mjs';

const FULL = {
  windowing: { generations: 3, rounds: 9, windowMs: 700, warmUp: { requests: 5000, limitMs: 6000 } },
  sizes: {
    sessions: 2000,
    sessionRounds: 3,
    streams: 5000,
    eventsPerStream: 10,
    eventsPerSecond: 2500,
    starts: 5,
    tasksAlone: 40,
    tasksTogether: 300,
  },
};
const QUICK = {
  windowing: { generations: 1, rounds: 1, windowMs: 150, warmUp: { requests: 100, limitMs: 200 } },
  sizes: {
    sessions: 100,
    sessionRounds: 1,
    streams: 200,
    eventsPerStream: 5,
    eventsPerSecond: 1000,
    starts: 1,
    tasksAlone: 5,
    tasksTogether: 40,
  },
};

/** The cases in the order they run; each is a function of what it needs and returns a table and its budgets. */
const CASES = { starts, tasks, calls, lists, proxied, tracing, sessions, streams };
const NEED_TOOLS = new Set(['calls', 'lists', 'sessions']);

/** Runs the cases, shows and writes what came out; returns the exit code. */
export async function bench(options) {
  const wanted = options.only?.split(',') ?? Object.keys(CASES);
  const unknown = wanted.find((name) => !Object.hasOwn(CASES, name));
  if (unknown !== undefined)
    throw new Error(`no case ${unknown}; there are ${Object.keys(CASES).join(', ')}`);

  const machine = describeMachine(pinThisProcess());
  const commit = describeCommit();
  console.log([...Object.values(machine), commit].join(' · '));
  const startedAt = Date.now();
  const setup = { ...(options.quick ? QUICK : FULL) };
  const outcomes = [];
  try {
    await prepare(setup, wanted);
    for (const name of wanted) outcomes.push(await runCase(name, setup));
  } finally {
    await setup.runtime?.stop();
  }
  const results = {
    date: new Date(startedAt).toISOString(),
    command: `node bench/run.mjs ${process.argv.slice(2).join(' ')}`.trim(),
    commit,
    seconds: Math.round((Date.now() - startedAt) / 1000),
    machine,
    settings: { ...setup.windowing, ...setup.sizes },
    cases: outcomes,
  };
  return conclude(results, options);
}

/** Starts what several cases share. */
async function prepare(setup, wanted) {
  setup.runtime = await ServerProcess.start({ script: serverScript('runtime'), place: 'client' });
  if (wanted.some((name) => NEED_TOOLS.has(name))) await recordTools(setup.runtime.endpoint);
}

async function runCase(name, setup) {
  try {
    const others = new OtherLoad();
    const found = await CASES[name](setup);
    const outcome = { name, otherLoad: others.share(), ...found };
    printCase(outcome);
    return outcome;
  } catch (error) {
    printFailure(name, error);
    return { name, error: String(error), budgets: [] };
  }
}

function conclude(results, { strict, quick, 'write-docs': isPageWanted }) {
  const budgets = results.cases.flatMap((outcome) => outcome.budgets);
  printBudgets(budgets, results.seconds);
  writeJson(results);
  const isBroken = results.cases.some(({ error }) => error !== undefined);
  if (isPageWanted && !isBroken && !quick) writePage(results);
  if (isBroken) return 1;
  return strict && budgets.some(({ holds }) => !holds) ? 1 : 0;
}
