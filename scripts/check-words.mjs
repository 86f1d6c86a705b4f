// `npm run check:words`: how often the words of word-list.mjs occur, against a budget. Ends with 1 and lists every
// occurrence above the budget. `npm run check:words -- src/mcp test/e2e` lists the occurrences below these paths.
import { join } from 'node:path';

import { findWords } from './word-list.mjs';

/** Occurrences per 1,000 lines. Never raise it. */
const BUDGET = 0.5;

const wanted = process.argv.slice(2);
const { lines, hits, perThousandLines } = findWords(join(import.meta.dirname, '..'));
const isWithin = perThousandLines <= BUDGET;

const listed =
  wanted.length > 0 ? hits.filter(({ file }) => wanted.some(isAbove(file))) : isWithin ? [] : hits;
for (const { file, line, word, instead } of listed)
  console.log(`${file}:${line}: "${word}". Write instead: ${instead}`);

const rate = perThousandLines.toFixed(2);
console.log(
  `${hits.length} words of scripts/word-list.mjs in ${lines} lines: ${rate} per 1,000, budget ${BUDGET}.`,
);
if (!isWithin)
  console.error('Too many. Replace those you added; `npm run check:words -- <path>` lists them.');
process.exitCode = isWithin ? 0 : 1;

function isAbove(file) {
  return (path) => file === path || file.startsWith(path.endsWith('/') ? path : `${path}/`);
}
