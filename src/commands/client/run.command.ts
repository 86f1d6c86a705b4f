import { createInterface } from 'node:readline/promises';

import { runAccepted, type Workflow } from '../../contract/index.js';
import { ApiClient } from './api-client.js';
import { CommandError } from './command-error.js';
import { uploadFile } from './file-upload.js';
import { Interruption } from './interruption.js';
import { note, plainText, printJson } from './printing.js';
import { progressDisplay, type ProgressDisplay } from './progress-display.js';
import { type GivenArguments, type ParsedArguments, runArguments } from './run-parameters.js';
import type { ResultOptions } from './task-result.js';
import { findWorkflow } from './workflow-lookup.js';
import { watchToEnd } from './watch.command.js';

export interface RunOptions extends GivenArguments, ResultOptions {
  readonly wait?: true;
  readonly detach?: true;
  readonly yes?: true;
}

/** `run SLUG`: submits a task, and follows it to its end unless `--detach` is given. */
export async function runWorkflowCommand(slug: string, options: RunOptions): Promise<void> {
  if (options.detach && options.outputDir !== undefined)
    throw new CommandError(
      '--output-dir needs the end of the task, and --detach does not wait for it. Leave one of them out.',
    );
  const api = await ApiClient.open();
  const workflow = await findWorkflow(api, slug);
  const given = await runArguments(workflow, options);
  await confirm(workflow, options);
  const taskId = await submit(api, slug, workflow, given);
  if (options.detach) {
    if (options.json) printJson({ task_id: taskId });
    else process.stdout.write(`${taskId}\n`);
    if (!options.json) note(`Follow it with: cyberun-mcp tasks watch ${taskId}`);
    return;
  }
  note(`Task ${taskId} of ${plainText(workflow.workflow_slug ?? slug)} is submitted.`);
  await watchToEnd(api, taskId, options);
}

async function confirm({ confirm: question }: Workflow, { yes }: RunOptions): Promise<void> {
  if (!question || yes) return;
  const text = plainText(question);
  if (!process.stdin.isTTY || !process.stderr.isTTY)
    throw new CommandError(
      `This workflow wants a confirmation: ${text} Repeat the command with --yes to confirm it.`,
    );
  const asked = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asked.question(`${text}\nRun it? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new CommandError('Nothing was started.');
  } finally {
    asked.close();
  }
}

async function submit(
  api: ApiClient,
  slug: string,
  workflow: Workflow,
  given: ParsedArguments,
): Promise<string> {
  using interruption = new Interruption();
  using report = progressDisplay();
  try {
    const keys = await uploadAll(api, given, { report, signal: interruption.signal });
    return await start(api, slug, { parameters: { ...given.values, ...keys } }, workflow);
  } catch (error) {
    if (interruption.exitCode === undefined) throw error;
    throw new CommandError('Interrupted during an upload. Nothing was started.', interruption.exitCode);
  }
}

async function uploadAll(
  api: ApiClient,
  { files }: ParsedArguments,
  { report, signal }: { readonly report: ProgressDisplay; readonly signal: AbortSignal },
): Promise<Record<string, string>> {
  const keys: Record<string, string> = {};
  for (const file of files) keys[file.key] = await uploadFile(api, { file, report, signal });
  return keys;
}

/** A run is not repeated: an answer that is lost does not mean that nothing was started. */
async function start(api: ApiClient, slug: string, body: object, { id }: Workflow): Promise<string> {
  // A slug may name a version, an id does not.
  const path = slug.includes('@') ? ['r', 'workflows', 'slug', slug, 'run'] : ['r', 'workflows', id, 'run'];
  const whenUnsure =
    'The task may have been started; look before you repeat the command: cyberun-mcp tasks list';
  const { data } = await api.send({ method: 'POST', path, body, whenUnsure }, runAccepted);
  return data.task_id;
}
