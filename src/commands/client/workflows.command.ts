import { type ParameterDef, workflowList } from '../../contract/index.js';
import { announces, ApiClient } from './api-client.js';
import { CommandError } from './command-error.js';
import { listed, type ListOptions } from './listing.js';
import { note, plainText, printFields, printJson, type PrintOptions, printTable } from './printing.js';
import { findWorkflow } from './workflow-lookup.js';

export interface WorkflowListOptions extends ListOptions {
  readonly query?: string;
}

/** `workflows list`. */
export async function listWorkflows({ query, ...options }: WorkflowListOptions): Promise<void> {
  const api = await ApiClient.open();
  const request = { path: ['r', 'workflows'], query: { query } };
  const { items, total, headers } = await listed(
    api,
    request,
    { answer: workflowList, itemsOf: (body) => body.workflow_list },
    options,
  );
  if (query !== undefined && !announces(headers, 'workflow-query'))
    throw new CommandError(`${api.server.url} does not search its workflows. Leave out --query.`);
  if (options.json) return printJson({ workflow_list: items, total_count: total });
  if (items.length === 0) return note('There are no such workflows.');
  printTable(
    ['SLUG', 'VERSION', 'STATUS', 'NAME'],
    items.map((each) => [
      each.workflow_slug ?? each.id,
      each.version,
      each.workflow_status,
      each.display_name,
    ]),
  );
}

/** `workflows show SLUG`: what it does, and the parameters it takes. */
export async function showWorkflow(name: string, { json: isJson }: PrintOptions): Promise<void> {
  const found = await findWorkflow(await ApiClient.open(), name);
  if (isJson) return printJson(found);
  const slug = found.workflow_slug ?? name;
  printFields({
    Workflow: slug,
    Name: found.display_name,
    Version: found.version,
    Status: found.workflow_status,
    Description: found.description,
    Labels: found.required_labels?.join(', '),
    Timeout: found.task_timeout ? `${found.task_timeout} s` : undefined,
    Confirmation: found.confirm,
  });
  const parameters = found.parameters ?? [];
  if (parameters.length > 0) {
    process.stdout.write('\n');
    printTable(['PARAMETER', 'TYPE', 'NEEDED', 'DEFAULT', 'MEANING'], parameters.map(parameterRow));
  }
  const example = parameters
    .filter(({ required }) => required)
    .map(({ key, type }) => (type === 'file' ? ` --file ${key}=PATH` : ` --param ${key}=VALUE`));
  process.stdout.write(`\nRun it with: cyberun-mcp run ${plainText(slug)}${example.join('')}\n`);
}

function parameterRow({
  key,
  type,
  required,
  default: fallback,
  min,
  max,
  options,
  description,
  label,
}: ParameterDef) {
  const limits = [
    typeof min === 'number' && `at least ${min}`,
    typeof max === 'number' && `at most ${max}`,
  ].filter(Boolean);
  const choice = options
    ?.map((option) => (typeof option === 'string' ? option : JSON.stringify(option)))
    .join('|');
  const meaning = [description ?? label ?? '', limits.length > 0 ? `(${limits.join(', ')})` : ''].join(' ');
  return [
    key,
    choice ?? type,
    required ? 'yes' : 'no',
    fallback === undefined ? undefined : JSON.stringify(fallback),
    meaning.trim(),
  ];
}
