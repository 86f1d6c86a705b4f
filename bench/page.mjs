import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { percent } from './budget.mjs';
import { ROOT } from './peers.mjs';
import { otherLoadLine } from './report.mjs';

const textOf = (name) => readFileSync(new URL(name, import.meta.url), 'utf8').trim();

const row = (cells) => `| ${cells.join(' | ')} |`;
const table = (columns, rows) =>
  [row(columns), row(columns.map(() => '---')), ...rows.map((cells) => row(cells))].join('\n');

/** Above this share of the machine, what others do shows in the figures. */
const QUIET = 0.05;

/** What a reader must know first when the machine was not ours alone. */
function caution(cases) {
  const loads = cases.map(({ otherLoad }) => otherLoad);
  if (loads.every((share) => share <= QUIET)) return [];
  return [
    `> **Measured on a busy machine**: other work took ${percent(Math.min(...loads))} to ${percent(Math.max(...loads))} of it, case by case as noted under each table. Times, rates and memory are worse than they would be alone, and ratios are less sure than their spread says.`,
  ];
}

const KILLS =
  '`kill -9` of any process under load: no accepted task lost. That is not a matter of speed; `npm run verify` proves it (`test/faults`).';

/** Writes docs/performance.md: every figure in it is of this one run. */
export const writePage = (results) =>
  write('performance.md', 'Performance', results, { note: KILLS, method: textOf('./method.md') });

/** Writes docs/runtime-performance.md, likewise. */
export const writeRuntimePage = (results) =>
  write('runtime-performance.md', 'Performance of the embedded runtime', results, {
    note: 'On PGlite and on PostgreSQL, on the same machine and in the same run: compare the figures with one another.',
    method: textOf('./runtime-method.md'),
  });

function write(name, title, { date, command, commit, seconds, machine, cases }, { note, method }) {
  const { node, cpu, memory, system, pinning, loadBefore } = machine;
  const budgets = cases.flatMap((outcome) => outcome.budgets);
  const page = [
    `# ${title}`,
    'Written by the benchmark; change `bench/` and run it again, not this page.',
    table(
      ['', ''],
      [
        ['date', date.slice(0, 10)],
        ['command', `\`${command}\` (${seconds} s)`],
        ['commit', `\`${commit}\``],
        ['machine', `${cpu}, ${memory}, ${system}`],
        ['Node', node],
        ['placement', pinning],
        ['load', loadBefore],
      ],
    ),
    ...caution(cases),
    '## Budgets',
    table(
      ['Measure', 'Budget', 'Measured', 'Holds'],
      budgets.map(({ measure, budget, measured, holds }) => [
        measure,
        budget,
        measured,
        holds ? 'yes' : '**no**',
      ]),
    ),
    note,
    '## Figures',
    ...cases.flatMap((one) => [
      `### ${one.title}`,
      table(one.columns, one.rows),
      otherLoadLine(one.otherLoad),
    ]),
    method,
  ];
  const file = join(ROOT, 'docs', name);
  writeFileSync(file, `${page.join('\n\n')}\n`);
  spawnSync('npx', ['prettier', '--write', file], { cwd: ROOT, stdio: 'ignore' });
}
