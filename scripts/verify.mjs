// `npm run verify`: everything CI runs, step after step, all of them even when one fails. Ends with one line
// `N passed, N failed` that counts every test and every check. `--after-test` leaves out what `npm test` has run and
// counts the results it left.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';

const isAfterTest = process.argv.includes('--after-test');
const TEST_RESULTS = 'results/test.json';

const vitest = (project) => ({
  name: project,
  command: ['npx', 'vitest', 'run', '--project', project],
  results: `results/${project}.json`,
});
const script = (name) => ({ name, command: ['npm', 'run', '--silent', name] });

// One wide project alone keeps two cores busy; several at once need up to a fifth more of them.
const steps = [
  { name: 'test', command: ['npm', 'test'], results: TEST_RESULTS, isDone: isAfterTest },
  // Mostly unpacks, on one core, so it runs beside the steps that follow, up to where its result is waited for.
  { ...vitest('image'), log: 'results/image.log' },
  script('check:format'),
  script('check:lint'),
  script('check:arrows'),
  script('check:unused'),
  script('check:words'),
  // Before projects that would each build what is missing.
  script('build'),
  vitest('package'),
  vitest('evals'),
  { waitFor: 'image' },
  vitest('processes'),
  vitest('controller'),
  vitest('embedded'),
  vitest('postgresql'),
  // One file at a time.
  { ...vitest('input'), log: 'results/input.log' },
  { ...script('chart'), results: 'results/chart.json' },
  { waitFor: 'input' },
  vitest('bounds'),
  // One file at a time, and more waiting than work.
  { ...vitest('faults'), log: 'results/faults.log' },
  { ...script('conformance'), log: 'results/conformance.log' },
  vitest('replicas'),
  { waitFor: 'conformance' },
  vitest('conformance'),
  vitest('kill'),
  vitest('s3'),
  vitest('containers'),
  vitest('console'),
  { waitFor: 'faults' },
];

mkdirSync('results', { recursive: true });
let passed = 0;
let failed = 0;
/** Printed again at the end of the log, where a reader looks first. */
const failures = [];

/** Steps that run beside the others, by name. */
const running = new Map();

for (const step of steps) {
  if (step.waitFor) await finish(running.get(step.waitFor));
  else if (step.log) running.set(step.name, begin(step, openSync(step.log, 'w')));
  else await finish(begin(step, 'inherit'));
}

if (failures.length > 0) console.log(`\nFailed:\n${failures.join('\n')}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** Starts a step, whose output goes to the terminal or to a file; `exit` is its status and when it ended. */
function begin(step, output) {
  const { name, command, results, isDone } = step;
  const startedAt = Date.now();
  if (isDone) return { ...step, startedAt, exit: Promise.resolve([0, startedAt]) };
  console.log(
    `\n=== ${name}: ${command.join(' ')}${step.log ? ` (beside the next steps, into ${step.log})` : ''}`,
  );
  if (results) rmSync(results, { force: true });
  const child = spawn(command[0], command.slice(1), {
    stdio: ['inherit', output, output],
    env: { ...process.env, ...(results && { RESULTS_FILE: results }) },
  });
  const exit = once(child, 'exit').catch((error) => [error.message]);
  return { ...step, startedAt, exit: exit.then(([status]) => [status, Date.now()]) };
}

/** Waits for a step that has begun, and counts its tests. */
async function finish({ name, results, log, startedAt, exit }) {
  const [status, endedAt] = await exit;
  if (log) console.log(`\n=== ${name}:\n${readFileSync(log, 'utf8')}`);
  const isFine = status === 0;
  const counted = results ? countTests(results) : { passed: isFine ? 1 : 0, failed: isFine ? 0 : 1 };
  const named = counted.names ?? [];
  if (counted.passed + counted.failed === 0) counted.failed = 1;
  if (!isFine && counted.failed === 0) counted.failed = 1;
  if (counted.failed > 0)
    failures.push(...(named.length > 0 ? named : ['all of it']).map((each) => `${name}: ${each}`));
  passed += counted.passed;
  failed += counted.failed;
  const seconds = ((endedAt - startedAt) / 1000).toFixed(1);
  console.log(`--- ${name}: ${counted.passed} passed, ${counted.failed} failed (${seconds} s)`);
}

/** A skipped test counts as failed: a test that needs something missing here has to say so by failing. */
function countTests(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1 };
  const { numPassedTests, numTotalTests, success, testResults } = JSON.parse(readFileSync(file, 'utf8'));
  const missing = numTotalTests - numPassedTests;
  const failed = success ? missing : Math.max(missing, 1);
  return { passed: numPassedTests, failed, names: testResults.flatMap(failuresOf) };
}

/** Each with what it said, and what a file said whose hooks failed or that could not even be read. */
function failuresOf({ name, status, message, assertionResults }) {
  const unlike = assertionResults.filter((each) => each.status !== 'passed');
  const ofFile = status !== 'passed' && (message || unlike.length === 0) ? [`${name}\n${message}`] : [];
  return [
    ...ofFile,
    ...unlike.map(({ fullName, failureMessages }) => [fullName, ...failureMessages].join('\n')),
  ];
}
