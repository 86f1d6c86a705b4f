// What the model saw of each answer, as a table.
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';

import { MARK } from './recording-proxy.mjs';
import { STEPS } from './script.mjs';
import { textOf } from './scripted-model.mjs';

/** Prints the table; false when the model saw too little. */
export function report(host, { status, seen, problems, given, hellos, answers }) {
  const first = textOf(seen[0] ?? []);
  console.log(`${host}, ended with ${status}`);
  console.log(`It connects with ${hellos.map(greeting).join(', then ')}`);
  console.log(
    `The model gets ${given.instructions} our instructions${given.search ? ', and searches for the tools' : ''}`,
  );
  console.log(`The text that the model sees is from ${sourceOf(first)}`);
  const rows = STEPS.map((step, n) => row(step, seen[n], answers[n]));
  console.table(rows);
  for (const problem of problems) console.log(`problem: ${problem}`);
  const isComplete = rows.every(({ missing }) => missing === '') && given.instructions !== 'none of';
  return isComplete && problems.length === 0;
}

/** `content` is marked; code that the model wrote sees the whole result. */
function sourceOf(text) {
  if (text.includes('"structuredContent"')) return 'both content and structuredContent';
  return text.includes(MARK) ? 'content' : 'structuredContent';
}

const greeting = ({ method, protocolVersion, _meta }) =>
  `${method} ${protocolVersion ?? _meta?.['io.modelcontextprotocol/protocolVersion']}`;

function row({ name, sees, picture = false }, parts = [], answer = {}) {
  const text = textOf(parts);
  const pictures = parts.filter((part) => part.picture).length;
  const blocks = answer.result?.content ?? [];
  const missing = sees.filter((pattern) => !pattern.test(text)).map(String);
  if (picture && pictures === 0 && !text.includes('If you do not see')) missing.push('a picture');
  return {
    step: name,
    'server sends': [
      ...blocks.map(({ type }) => type),
      ...(answer.result?.structuredContent ? ['structured'] : []),
    ].join(' '),
    'model sees': parts.map((part) => (part.picture ? 'picture' : 'text')).join(' '),
    whole: isWhole(text, answer.result) ? 'yes' : 'no',
    tokens: countTokens(text),
    progress: answer.hasProgressToken ? (answer.progressNotifications ?? 0) : 'not asked',
    missing: missing.join(' '),
  };
}

/** Whether the host cut nothing away: the whole of `content` or of `structuredContent` is in what the model saw. */
function isWhole(text, { content = [], structuredContent } = {}) {
  const texts = content.flatMap((block) => (block.type === 'text' ? [block.text] : []));
  return text.includes(texts.join('\n')) || text.includes(JSON.stringify(structuredContent));
}
