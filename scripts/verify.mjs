// `npm run verify`: everything CI runs, step after step, all of them even when one fails. Ends with one line
// `N passed, N failed` that counts every test and every check. `--after-test` leaves out what `npm test` has run and
// counts the results it left.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';

const isAfterTest = process.argv.includes('--after-test');
const TEST_RESULTS = 'results/test.json';

const vitest = (project) => ({
  name: project,
  command: ['npx', 'vitest', 'run', '--project', project],
  results: `results/${project}.json`,
});
const script = (name) => ({ name, command: ['npm', 'run', '--silent', name] });

const steps = [
  { name: 'test', command: ['npm', 'test'], results: TEST_RESULTS, isDone: isAfterTest },
  script('check:format'),
  script('check:lint'),
  script('check:types'),
  script('check:arrows'),
  script('check:unused'),
  script('check:words'),
  vitest('processes'),
  vitest('controller'),
  vitest('bounds'),
  { ...script('chart'), results: 'results/chart.json' },
  script('conformance'),
  vitest('conformance'),
  vitest('replicas'),
  vitest('faults'),
  vitest('image'),
];

mkdirSync('results', { recursive: true });
let passed = 0;
let failed = 0;
/** Printed again at the end of the log, where a reader looks first. */
const failures = [];

for (const { name, command, results, isDone } of steps) {
  const started = Date.now();
  let isFine = true;
  if (!isDone) {
    console.log(`\n=== ${name}: ${command.join(' ')}`);
    if (results) rmSync(results, { force: true });
    const { status } = spawnSync(command[0], command.slice(1), {
      stdio: 'inherit',
      env: { ...process.env, ...(results && { RESULTS_FILE: results }) },
    });
    isFine = status === 0;
  }
  const counted = results ? countTests(results) : { passed: isFine ? 1 : 0, failed: isFine ? 0 : 1 };
  const named = counted.names ?? [];
  if (counted.passed + counted.failed === 0) counted.failed = 1;
  if (!isFine && counted.failed === 0) counted.failed = 1;
  if (counted.failed > 0)
    failures.push(...(named.length > 0 ? named : ['all of it']).map((each) => `${name}: ${each}`));
  passed += counted.passed;
  failed += counted.failed;
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`--- ${name}: ${counted.passed} passed, ${counted.failed} failed (${seconds} s)`);
}

if (failures.length > 0) console.log(`\nFailed:\n${failures.join('\n')}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** A skipped test counts as failed: a test that needs something missing here has to say so by failing. */
function countTests(file) {
  if (!existsSync(file)) return { passed: 0, failed: 1 };
  const { numPassedTests, numTotalTests, success, testResults } = JSON.parse(readFileSync(file, 'utf8'));
  const missing = numTotalTests - numPassedTests;
  const failed = success ? missing : Math.max(missing, 1);
  return { passed: numPassedTests, failed, names: testResults.flatMap(failuresOf) };
}

/** Each with what it said; a file that could not even be read has no tests. */
function failuresOf({ name, status, message, assertionResults }) {
  const unlike = assertionResults.filter((each) => each.status !== 'passed');
  if (unlike.length === 0) return status === 'passed' ? [] : [`${name}\n${message}`];
  return unlike.map(({ fullName, failureMessages }) => [fullName, ...failureMessages].join('\n'));
}
