import type { GetPromptResult } from '@modelcontextprotocol/server';
import { McpController, Prompt } from '@rekog/mcp-nest';
import { z } from 'zod';

import { RequiresPermission, ToolInput } from '../../mcp/index.js';
import { askingFor, requestArgument } from '../prompt-messages.js';
import { textOf } from '../tool-definition.js';
import { workflowSlugInput } from '../workflow-names.js';

const DAY_MS = 86_400_000;

/** Some hosts send an empty text for an argument that was left out. */
const slugOrNone = z.union([z.literal(''), workflowSlugInput]);
const moment = z.union([z.literal(''), z.iso.date(), z.iso.datetime({ offset: true })]);

const runWorkflowArguments = z.object({
  workflow_slug: workflowSlugInput.describe('Which workflow'),
  request: requestArgument.describe('What the run is to do, or its parameters'),
});

const whatFailedArguments = z.object({
  workflow_slug: textOf(slugOrNone, 'must be a slug such as text-to-image')
    .optional()
    .describe('Only this workflow'),
  since: textOf(moment, 'must be a date such as 2026-11-28, or a time such as 2026-11-28T08:00:00+02:00')
    .optional()
    .describe('From when on; default 00:00 UTC of today'),
});

const RUN_WORKFLOW = {
  name: 'run_workflow',
  title: 'Run a workflow',
  description: 'Run a workflow and report its result.',
  parameters: runWorkflowArguments,
};

const WHAT_FAILED_TODAY = {
  name: 'what_failed_today',
  title: 'What failed today?',
  description: 'Find the tasks that failed today and explain why.',
  parameters: whatFailedArguments,
};

/** What people ask about workflows and tasks, as prompts. */
@McpController()
export class TasksPrompts {
  @Prompt(RUN_WORKFLOW)
  @RequiresPermission('run')
  runWorkflow(
    @ToolInput(runWorkflowArguments) { workflow_slug: slug, request }: z.infer<typeof runWorkflowArguments>,
  ): GetPromptResult {
    return askingFor(
      [`Run the Cyberun workflow "${slug}" for me.`, request ? `What I want: ${request}` : undefined],
      [
        `Call get_workflow_by_slug with workflow_slug "${slug}" and read its parameters.`,
        'Take the value of each parameter from what I want, and ask me for required ones that are missing. For a file parameter call presign_file_upload, upload the file, and give its file_key as the value.',
        'Tell me the values. Then call run_workflow_by_slug with them in body, a new idempotency_key, and wait_seconds 30.',
        'If the task has not ended by then, call stream_task_events with its task_id until it has.',
        'Call get_task_result. Tell me the outcome with the links to its files; if it failed, the reason and what I can change.',
      ],
    );
  }

  @Prompt(WHAT_FAILED_TODAY)
  whatFailedToday(
    @ToolInput(whatFailedArguments) { workflow_slug: slug, since }: z.infer<typeof whatFailedArguments>,
  ): GetPromptResult {
    const from = new Date(since ? since : new Date().setUTCHours(0, 0, 0, 0));
    const dayBefore = new Date(from.getTime() - DAY_MS);
    const ofWorkflow = slug ? ` and workflow_slug "${slug}"` : '';
    const zone = since ? '' : ' (today in UTC; if you know my time zone, take midnight there)';
    return askingFor(
      [`Which Cyberun tasks have failed since ${from.toISOString()}${zone}, and why?`],
      [
        `Call list_tasks with statuses ["failed"], created_after "${dayBefore.toISOString()}", response_format "detailed"${ofWorkflow}, and read all pages. Leave out tasks with a completed_at before ${from.toISOString()}.`,
        'Group them by workflow and cause. Call get_task_result for one task of each cause, for the whole task_error.',
        'Tell me how many failed, and of each group: the workflow, the task ids, the line of the error that says most, and what can be done. If none failed, say so.',
        'Only read. Do not run or cancel anything unless I ask for it.',
      ],
    );
  }
}
