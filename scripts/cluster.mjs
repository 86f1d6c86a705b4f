// `npm run cluster`: the chart on a Kubernetes of three nodes on this machine, which the scripts in a folder of your own start
// (--kit, or CYBERUN_CLUSTER_KIT). Installs each mode, disturbs it under load, prints a table, and fails when a row does. Not part of verify.
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { Machine } from './cluster/machine.mjs';
import { Release } from './cluster/releases.mjs';
import { ends, jobs, suite } from './cluster/steps/jobs.mjs';
import { agents, kills } from './cluster/steps/kills.mjs';
import { losses, successors } from './cluster/steps/losses.mjs';
import { gateway, team, trial } from './cluster/steps/modes.mjs';
import { drain, rolling } from './cluster/steps/rolling.mjs';
import { sets } from './cluster/steps/sets.mjs';
import { upgrade } from './cluster/steps/upgrade.mjs';
import { startStores, stopStores } from './cluster/stores.mjs';
import { tableOf } from './cluster/table.mjs';

/** In this order. */
const STEPS = {
  sets,
  team,
  gateway,
  trial,
  rolling,
  drain,
  kills,
  agents,
  upgrade,
  jobs,
  suite,
  ends,
  successors,
  losses,
};
/** After these steps a release is not needed any more: which. */
const REMOVED = { gateway: 'gateway', trial: 'trial', upgrade: 'upgrade', losses: 'jobs' };
const RESULTS = 'results/cluster';

const USAGE = `npm run cluster -- [options]
  --kit FOLDER     the scripts that start the cluster; else CYBERUN_CLUSTER_KIT
  --only A,B       these steps: ${Object.keys(STEPS).join(', ')}
  --rounds N       rolling updates in the step rolling, 10 if left out
  --previous REF   commit whose chart is upgraded; else the last tag, or the change of the values before the last one
  --as-built       the image that was built last, also when the sources have changed since
  --keep           leave every release installed
  --down           remove the cluster afterwards; without --only, do nothing else`;

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}

function optionsOf(args) {
  const options = {
    kit: { type: 'string', default: process.env.CYBERUN_CLUSTER_KIT },
    only: { type: 'string' },
    rounds: { type: 'string', default: '10' },
    previous: { type: 'string' },
    'as-built': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    down: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  };
  try {
    return parseArgs({ args, options }).values;
  } catch (error) {
    return stop(`${error.message}\n${USAGE}`);
  }
}

function namesOf({ only }) {
  const names = only?.split(',') ?? Object.keys(STEPS);
  const unknown = names.filter((name) => !Object.hasOwn(STEPS, name));
  if (unknown.length > 0) stop(`There is no step ${unknown.join(', ')}.\n${USAGE}`);
  return Object.keys(STEPS).filter((name) => names.includes(name));
}

/** Runs one part; its row of the table. */
async function row(name, act) {
  const start = performance.now();
  const secondsNow = () => (performance.now() - start) / 1000;
  console.log(`${name} …`);
  try {
    const figures = await act();
    console.log(`${name}: ${figures} (${Math.round(secondsNow())} s)`);
    return { name, isOk: true, figures, seconds: secondsNow() };
  } catch (error) {
    console.log(`${name} FAILED: ${error.message}`);
    return { name, isOk: false, figures: error.message.slice(0, 400), seconds: secondsNow() };
  }
}

async function bringUp(machine) {
  mkdirSync(RESULTS, { recursive: true });
  const log = createWriteStream(join(RESULTS, 'start.log'));
  await machine.checkPrograms();
  const isNew = await machine.buildImage(log, options['as-built']);
  await machine.up(log);
  await startStores(machine);
  return `${machine.nodes.length} nodes, ${isNew ? 'a new image' : 'the image that was there'}`;
}

async function runSteps(machine, names) {
  const releases = Object.fromEntries(
    ['team', 'gateway', 'trial', 'jobs', 'upgrade'].map((name) => [name, new Release(machine, name)]),
  );
  const context = { machine, releases, rounds, previous: options.previous };
  const rows = [await row('start', () => bringUp(machine))];
  if (!rows[0].isOk) return rows;
  for (const name of names) {
    rows.push(await row(name, () => STEPS[name](context)));
    const done = releases[REMOVED[name]];
    if (done && rows.at(-1).isOk && !options.keep) await done.remove();
  }
  return rows;
}

async function takeDown(machine) {
  await stopStores(machine);
  await machine.down();
}

/** Runs the steps, unless only the end of the cluster is asked for. */
async function main() {
  const names = namesOf(options);
  const machine = Machine.at(options.kit);
  if (!options.down || options.only) {
    const rows = await runSteps(machine, names);
    console.log(`\n${tableOf(rows)}`);
    if (!rows.every(({ isOk }) => isOk)) process.exitCode = 1;
  }
  if (options.down) await takeDown(machine);
}

const options = optionsOf(process.argv.slice(2));
const rounds = Number(options.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  stop(`--rounds is a number from 1, not ${options.rounds}.\n${USAGE}`);
if (options.help) console.log(USAGE);
else await main().catch((error) => stop(error.message));
