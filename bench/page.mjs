import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { percent } from './budget.mjs';
import { ROOT } from './peers.mjs';
import { otherLoadLine } from './report.mjs';

const METHOD = readFileSync(new URL('./method.md', import.meta.url), 'utf8').trim();

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

/** Writes docs/performance.md: every figure in it is of this one run. */
export function writePage({ date, command, commit, seconds, machine, cases }) {
  const { node, cpu, memory, system, pinning, loadBefore } = machine;
  const budgets = cases.flatMap((outcome) => outcome.budgets);
  const page = [
    '# Performance',
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
    '`kill -9` of any process under load: no accepted task lost. That is not a matter of speed; `npm run verify` proves it (`test/faults`).',
    '## Figures',
    ...cases.flatMap(({ title, columns, rows, otherLoad }) => [
      `### ${title}`,
      table(columns, rows),
      otherLoadLine(otherLoad),
    ]),
    METHOD,
  ];
  const file = join(ROOT, 'docs', 'performance.md');
  writeFileSync(file, `${page.join('\n\n')}\n`);
  spawnSync('npx', ['prettier', '--write', file], { cwd: ROOT, stdio: 'ignore' });
}
