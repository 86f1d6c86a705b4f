import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import { advertised, RequiresPermission, ToolContext, ToolInput } from '../../mcp/index.js';
import type { Caller } from '../../upstream/index.js';
import { withWorkflowSuggestions } from '../workflow-suggestions.js';
import { withEarlierParameters } from './earlier-parameters.js';
import { runRequestFor } from './run-request.js';
import { waitForRun } from './run-wait.js';
import {
  type RunArguments,
  runOutput,
  type RunWorkflowBySlugInput,
  runWorkflowBySlugInput,
  type RunWorkflowInput,
  runWorkflowInput,
} from './runs.schemas.js';
import { RunsService, type RunnableWorkflow } from './runs.service.js';
import { TasksService } from './tasks.service.js';

const RUN = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true };

/** How an agent starts tasks. */
@McpController()
export class RunsTools {
  constructor(
    private readonly runs: RunsService,
    private readonly tasks: TasksService,
  ) {}

  @Tool({
    name: 'run_workflow',
    description:
      'Submit one run of a workflow. Returns at once with a task_id: follow it with stream_task_events, then read get_task_result. For a short run give wait_seconds instead. If the answer is lost, look with list_tasks before running again, or repeat the call with the same idempotency_key.',
    parameters: advertised(runWorkflowInput),
    outputSchema: advertised(runOutput),
    annotations: { title: 'Run a workflow', ...RUN },
  })
  @RequiresPermission('run')
  runWorkflow(
    @ToolInput(runWorkflowInput) { workflow_id, ...run }: RunWorkflowInput,
    @Ctx() context: ToolContext,
  ): Promise<object> {
    return this.run({ id: workflow_id }, run, context);
  }

  @Tool({
    name: 'run_workflow_by_slug',
    description: 'Same as run_workflow, by slug. slug@version runs an older version.',
    parameters: advertised(runWorkflowBySlugInput),
    outputSchema: advertised(runOutput),
    annotations: { title: 'Run a workflow by slug', ...RUN },
  })
  @RequiresPermission('run')
  runWorkflowBySlug(
    @ToolInput(runWorkflowBySlugInput) { workflow_slug: slug, ...run }: RunWorkflowBySlugInput,
    @Ctx() context: ToolContext,
  ): Promise<object> {
    return this.run({ slug }, run, context);
  }

  private async run(
    name: RunnableWorkflow,
    { wait_seconds = 0, idempotency_key, ...asked }: RunArguments,
    context: ToolContext,
  ): Promise<object> {
    const { caller } = context;
    const body = await this.bodyOf(name, asked, caller);
    const accepted = await this.suggesting(caller, name, this.runs.run(caller, name, body, idempotency_key));
    return wait_seconds === 0 ? accepted : waitForRun(this.tasks, context, accepted, wait_seconds);
  }

  private async bodyOf(
    name: RunnableWorkflow,
    { body, like_task_id }: Pick<RunArguments, 'body' | 'like_task_id'>,
    caller: Caller,
  ): Promise<Readonly<Record<string, unknown>>> {
    const workflow = () => this.suggesting(caller, name, this.runs.workflow(caller, name));
    const request = await runRequestFor(body, workflow);
    if (like_task_id === undefined) return request;
    return withEarlierParameters(request, await this.tasks.get(caller, like_task_id), name);
  }

  /** Adds similar slugs to the error for a slug that does not exist. */
  private suggesting<Answer>(
    caller: Caller,
    name: RunnableWorkflow,
    answer: Promise<Answer>,
  ): Promise<Answer> {
    if ('id' in name) return answer;
    return withWorkflowSuggestions(answer, {
      caller,
      slug: name.slug,
      idTool: 'run_workflow',
      list: (listCaller, page) => this.runs.workflows(listCaller, page),
    });
  }
}
