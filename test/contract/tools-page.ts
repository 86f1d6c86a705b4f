import type { ListedTool, Schema } from './surface.js';

const HINTS: Readonly<Record<string, string>> = {
  readOnlyHint: 'only reads',
  destructiveHint: 'may destroy',
  idempotentHint: 'safe to repeat',
  openWorldHint: 'reaches beyond the platform',
};

/** What each toolset is for. */
const TOOLSETS: Readonly<Record<string, string>> = {
  files: 'Files for clients without a shell: a text as an input file, and an output as text, JSON or image.',
  logs: 'The whole log of a task, page by page; it needs a Runtime API that announces `task-logs`.',
  'workflow-tools':
    'Each workflow with `metadata: { tool: true }` as a tool of its own ([docs/workflows.md](workflows.md#as-a-tool)); it needs a Runtime API that announces `workflow-tools`.',
};

/** docs/tools.md: what each tool does, takes and gives. */
export function toolsPage(
  tools: readonly ListedTool[],
  toolsets: Readonly<Record<string, readonly ListedTool[]>>,
): string {
  return [
    '# Tools',
    '',
    '<!-- Printed by `npm run print` from what tools/list answers. Do not edit. -->',
    '',
    'Every answer is the object of the Runtime API, unknown fields included, as `structuredContent`, and as a text for models ([how it looks](clients.md#what-a-reply-looks-like)); `untrusted` names the fields that a task or a service wrote. Lists give the fields that a choice needs, unless `response_format` asks for all. An answer above `CYBERUN_MCP_REPLY_TOKENS` is cut at whole items or lines, and its `note` says what is missing. A failed call has `isError` and `error_message`: what is wrong and, where that does not say it, what to do next.',
    '',
    ...contents(tools),
    '',
    'Toolsets add tools to a connection that asks for them: with `?toolsets=logs` behind the URL of the endpoint or the header `X-MCP-Toolsets: logs`, several separated by commas, or `all`. A deployment allows them with `CYBERUN_MCP_TOOLSETS`; a name that it does not allow is refused. A tool that the key may not call is not listed. A session keeps the toolsets of its `initialize`; at revision 2026-07-28 each request names them.',
    '',
    ...Object.entries(TOOLSETS).flatMap(([toolset, purpose]) => [
      `Toolset \`${toolset}\`: ${purpose}`,
      '',
      ...contents(toolsets[toolset] ?? []),
      '',
    ]),
    ...[...tools, ...Object.values(toolsets).flat()].flatMap(toolSection),
  ].join('\n');
}

const contents = (tools: readonly ListedTool[]): string[] =>
  tools.map(({ name, title }) => `- [\`${name}\`](#${name}): ${title}`);

function toolSection({
  name,
  description,
  inputSchema,
  outputSchema,
  annotations = {},
}: ListedTool): string[] {
  const hints = Object.entries(HINTS).filter(([hint]) => annotations[hint] === true);
  return [
    `## ${name}`,
    '',
    description ?? '',
    '',
    `Hints: ${hints.map(([, words]) => words).join(', ') || 'none'}.`,
    '',
    ...inputTable(inputSchema),
    '',
    `Gives: ${fieldsOf(outputSchema)}.`,
    '',
  ];
}

function inputTable(schema: Schema): string[] {
  const rows = rowsOf(schema);
  if (rows.length === 0) return ['Takes nothing.'];
  return ['| Input | Type | Required | Meaning |', '| --- | --- | --- | --- |', ...rows];
}

function rowsOf({ properties = {}, required = [] }: Schema, prefix = ''): string[] {
  return Object.entries(properties).flatMap(([name, schema]) => [
    `| \`${prefix}${name}\` | ${typeOf(schema)} | ${required.includes(name) ? 'yes' : 'no'} | ${cell(schema.description ?? '')} |`,
    ...rowsOf(schema, `${prefix}${name}.`),
  ]);
}

function typeOf({ type, format, enum: values, minimum, maximum, default: fallback }: Schema): string {
  const name = values ? values.map((value) => `\`${String(value)}\``).join(', ') : (format ?? type ?? 'any');
  const range = [
    minimum === undefined ? '' : `from ${minimum}`,
    maximum === undefined ? '' : `to ${maximum}`,
  ];
  return [name, ...range, fallback === undefined ? '' : `default \`${JSON.stringify(fallback)}\``]
    .filter((part) => part !== '')
    .join(' ');
}

const fieldsOf = (schema?: Schema): string =>
  Object.keys(schema?.properties ?? {})
    .map((name) => `\`${name}\``)
    .join(', ');

const cell = (text: string): string => text.replaceAll('|', '\\|');
