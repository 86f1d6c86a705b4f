// The words that this project does not use, and what to write instead. `npm run check:words` reports them, and
// `npm run metrics` counts them.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Each is matched as whole words, in any case; `to be told` also finds `told` behind other forms of `be`. */
const WORDS = {
  'whoever|whomever': 'name the party: "a client that …", "the caller", "any process that …"',
  'nobody|no one': 'name what is missing: "no client", "no reader", "nothing"',
  'somebody|anybody|everybody': 'name the party: "another replica", "a reader", "every client"',
  whatever: '"every …", "any …", or name the cases',
  'for ever|forevermore': '"permanently", "without limit", "until the process ends"',
  '(?:is|are|am|was|were|be|been|being|gets?) told': '"receives", "is notified", or say who sends what',
  tells: '"reports", "sends", "returns"; for telling things apart "distinguishes"',
  'judges?|judged|judging|judgements?': '"validates", "checks", "result"',
  'strangers?|bystanders?|objectors?': '"third-party", "unrelated", "no-op", "rejecting"',
  'guests?': '"waiter", "client"',
  'crowds?|rosters?': '"concurrency limiter", "set", "index"',
  'bells?': '"signal", "notification"',
  'ladders?|pursuits?|outbox': '"scale", "follow", "write backlog"',
  'last words?': '"crash reply", "final error"',
  'im?patience|im?patient|patience': '"timeout", "short timeouts"',
  'hears?|heard': '"receives", "is notified", or the name of the event',
  'wish|wishes|wished': '"options", "requests"',
  'politely|polite': 'say what is sent: "SIGTERM first"',
  'belt and braces|the belt to|belt to .{1,20}braces': '"fallback if …"',
  'in vain': '"without success"',
  '(?:can(?:not| ?not)?|to|could(?: not)?) be had': '"is available", "is in use"',
  lest: '"so that … not"',
  'upon|thereby|hereby|wherein|thereof|whence': '"on", "so", "in which"',
  "of one's own": '"its own", "separate"',
  'as good as': '"almost", "equivalent to"',
  'so to speak|as it were': 'leave it out',
  'take turns|takes turns': '"queue", "run one at a time"',
  'knows? nothing of': '"does not use", "is independent of"',
  'many a|once and for all': 'say how many, or how long',
};

const PATTERNS = Object.entries(WORDS).map(([words, instead]) => ({
  pattern: new RegExp(`(?<![\\w-])(?:${words})(?![\\w])`, 'gi'),
  instead,
}));

/** What is written for readers: sources, tests, scripts, documents. Pages printed from code count with their code. */
const SOURCES = [
  '*.md',
  '.changeset/*.md',
  '*.{ts,mjs}',
  '.*.mjs',
  'bench/*.{md,mjs}',
  'bench/{cases,servers}/**/*.{mjs,go}',
  'docs/**/*.{md,cfg}',
  'helm/**/*.{md,yaml,tpl,txt}',
  'scripts/**/*.{mjs,sh}',
  'services/**/*.{yaml,mjs}',
  'src/**/*.ts',
  'test/**/*.{ts,mjs,yaml,yml}',
  'workflows/**/*.yaml',
];
const LEFT_OUT = new Set(['scripts/word-list.mjs', 'docs/tools.md', 'docs/configuration.md']);

/** Every word of the list in the files of this folder, with its place; and how many lines the files have. */
export function findWords(root) {
  const files = globSync(SOURCES, { cwd: root, exclude: (name) => name.endsWith('node_modules') })
    .filter((file) => !LEFT_OUT.has(file))
    .sort();
  let lines = 0;
  const hits = files.flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8').split('\n');
    lines += text.length - 1;
    return text.flatMap((content, index) =>
      wordsIn(content).map((hit) => ({ file, line: index + 1, ...hit })),
    );
  });
  return { lines, hits, perThousandLines: (hits.length * 1000) / Math.max(lines, 1) };
}

function wordsIn(content) {
  return PATTERNS.flatMap(({ pattern, instead }) =>
    Array.from(content.matchAll(pattern), ([word]) => ({ word: word.toLowerCase(), instead })),
  );
}
