import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { percent } from './budget.mjs';
import { ROOT } from './peers.mjs';

const FOLDER = join(ROOT, 'results');

/** Columns as wide as their widest cell; the first is text, the others are figures. */
export function textTable(columns, rows) {
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => row[index].length)),
  );
  const line = (cells) =>
    cells
      .map((cell, index) => (index === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[index])))
      .join('  ');
  return [line(columns), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}

export function printCase({ title, columns, rows, otherLoad }) {
  console.log(`\n${title}\n\n${textTable(columns, rows)}\n\n${otherLoadLine(otherLoad)}`);
}

/** How quiet the machine was; with every table, because it says how far to trust it. */
export const otherLoadLine = (share) => `Other load meanwhile: ${percent(share)} of the machine.`;

export function printFailure(name, error) {
  console.error(`\n${name} failed to run:`, error);
}

/** Every budget with what was measured, and a last line that counts them. */
export function printBudgets(budgets, seconds) {
  const rows = budgets.map(({ measure, budget, measured, holds }) => [
    measure,
    budget,
    measured,
    holds ? 'holds' : 'NOT MET',
  ]);
  if (rows.length > 0) console.log(`\n${textTable(['measure', 'budget', 'measured', ''], rows)}`);
  const met = budgets.filter(({ holds }) => holds).length;
  console.log(`\n${met} of ${budgets.length} budgets hold (${seconds} s; results/bench.json)`);
}

export function writeJson(results) {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, 'bench.json'), `${JSON.stringify(results, null, 2)}\n`);
}
