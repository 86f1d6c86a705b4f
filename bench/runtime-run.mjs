import { describeCommit, describeMachine } from './machine.mjs';
import { OtherLoad } from './other-load.mjs';
import { writeRuntimePage } from './page.mjs';
import { startPostgresql } from './postgresql.mjs';
import { printBudgets, printCase, printFailure, writeJson } from './report.mjs';

/** Runs cases on both databases, shows and writes what came out; returns the exit code. */
export async function runCases(cases, options) {
  const machine = { ...describeMachine(false), pinning: 'every process on all cores' };
  const commit = describeCommit();
  console.log([...Object.values(machine), commit].join(' · '));
  const startedAt = Date.now();
  const postgresql = options['only-pglite'] ? undefined : await startPostgresql();
  const databases = [{ name: 'PGlite', url: () => undefined }];
  if (postgresql) databases.push({ name: 'PostgreSQL', url: postgresql.newDatabase });
  const setup = { databases, sizes: options.sizes, tasks: Number(options.tasks) };
  const outcomes = [];
  try {
    for (const [name, load] of Object.entries(cases)) outcomes.push(await runCase(name, load, setup));
  } finally {
    await postgresql?.stop();
  }
  return conclude(outcomes, { startedAt, machine, commit, options });
}

async function runCase(name, load, setup) {
  try {
    const measure = await load();
    const others = new OtherLoad();
    const found = await measure(setup);
    const outcome = { name, budgets: [], ...found, otherLoad: others.share() };
    printCase(outcome);
    return outcome;
  } catch (error) {
    printFailure(name, error);
    return { name, error: String(error), budgets: [] };
  }
}

function conclude(cases, { startedAt, machine, commit, options }) {
  const budgets = cases.flatMap((outcome) => outcome.budgets);
  const results = {
    date: new Date(startedAt).toISOString(),
    command: `npm run bench:runtime -- ${process.argv.slice(2).join(' ')}`.replace(/ -- $/, ''),
    commit,
    seconds: Math.round((Date.now() - startedAt) / 1000),
    machine,
    cases,
  };
  printBudgets(budgets, results.seconds);
  writeJson(results);
  const isBroken = cases.some(({ error }) => error !== undefined);
  if (options['write-docs'] && !options.quick && !isBroken) writeRuntimePage(results);
  if (isBroken) return 1;
  return options.strict && budgets.some(({ holds }) => !holds) ? 1 : 0;
}
