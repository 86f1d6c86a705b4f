import type { CountedCall } from './conversation.js';

/** A request, and the calls that fulfilled it. */
export interface FulfilledRequest {
  readonly request: string;
  readonly calls: readonly CountedCall[];
}

/** docs/agents.md: what requests and tools cost a model. */
export function agentsPage(requests: readonly FulfilledRequest[]): string {
  return [
    '# What replies cost a model',
    '',
    '<!-- Printed by `npm run evals -- --update`. Do not edit. -->',
    '',
    'These are everyday requests and the calls with which a good model fulfils them. `npm run evals` makes the calls over HTTP on a server with the workflows and services of `test/evals`, and checks the outcome of each. Tokens are those of o200k, rounded up to tens, without images. A host gives its model `content` (here: text) or `structuredContent` (structure), see [clients.md](clients.md#what-a-reply-looks-like).',
    '',
    'No reply is above `CYBERUN_MCP_REPLY_TOKENS` (default 8,000), as a tokenizer counts usual text. `test/e2e/tools-replies.e2e-spec.ts` calls every tool with the text that costs most tokens per byte: it stays below 20,000.',
    '',
    '## Tools',
    '',
    '| Tool | Calls | Typical reply: text | structure | Largest reply: text | structure |',
    '| --- | --- | --- | --- | --- | --- |',
    ...toolRows(requests.flatMap(({ calls }) => calls)),
    '',
    '## Requests',
    '',
    '| Request | Calls | Largest reply: text | structure |',
    '| --- | --- | --- | --- |',
    ...requests.map(({ request, calls }) => row([request, callsText(calls), ...largest(calls)])),
    '',
  ].join('\n');
}

function toolRows(calls: readonly CountedCall[]): string[] {
  const byTool = Map.groupBy(calls, ({ tool }) => tool);
  return [...byTool]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([tool, own]) => row([`\`${tool}\``, String(own.length), ...typical(own), ...largest(own)]));
}

/** The tools in the order of their calls; one that is called several times in a row once, with the number. */
function callsText(calls: readonly CountedCall[]): string {
  const steps: { tool: string; times: number }[] = [];
  for (const { tool } of calls) {
    const last = steps.at(-1);
    if (last?.tool === tool) last.times++;
    else steps.push({ tool, times: 1 });
  }
  return steps.map(({ tool, times }) => `\`${tool}\`${times > 1 ? ` × ${times}` : ''}`).join(', ');
}

const FORMS = ['text', 'structure'] as const;

const typical = (calls: readonly CountedCall[]): string[] =>
  sortedTokens(calls).map((sorted) => tens(sorted[Math.floor(sorted.length / 2)] ?? 0));

const largest = (calls: readonly CountedCall[]): string[] =>
  sortedTokens(calls).map((sorted) => tens(sorted.at(-1) ?? 0));

/** Of each form, the tokens of all calls in ascending order. */
const sortedTokens = (calls: readonly CountedCall[]): number[][] =>
  FORMS.map((form) => calls.map(({ tokens }) => tokens[form]).toSorted((one, other) => one - other));

const tens = (tokens: number): string => (Math.ceil(tokens / 10) * 10).toLocaleString('en');
const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
