import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import {
  advertised,
  AnswersWithTask,
  RequiresPermission,
  Streaming,
  ToolContext,
  ToolInput,
} from '../../mcp/index.js';
import type { Caller } from '../../upstream/index.js';
import { withWorkflowSuggestions } from '../workflow-suggestions.js';
import { withEarlierParameters } from './earlier-parameters.js';
import { confirmedRun, RunQuestion } from './run-confirmation.js';
import { runRequestFor } from './run-request.js';
import { RunTasks } from './run-tasks.js';
import { waitForRun } from './run-wait.js';
import {
  type RunArguments,
  runOutput,
  type RunWorkflowBySlugInput,
  runWorkflowBySlugInput,
  type RunWorkflowInput,
  runWorkflowInput,
} from './runs.schemas.js';
import { afterLostAnswer, RunsService, type RunnableWorkflow } from './runs.service.js';
import { TasksService } from './tasks.service.js';

/** A run that is waited for takes long. */
const WAITS: Parameters<typeof Streaming>[0] = {
  when: ({ wait_seconds }) => Number(wait_seconds) > 0,
  whenLost: ({ idempotency_key }) => afterLostAnswer(idempotency_key ?? undefined),
};
const RUN = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true };

/** How an agent starts tasks. */
@McpController()
export class RunsTools {
  constructor(
    private readonly runs: RunsService,
    private readonly tasks: TasksService,
    private readonly runTasks: RunTasks,
  ) {}

  @Tool({
    name: 'run_workflow',
    description:
      'Start one run of the workflow with this id and return its task_id at once, or with wait_seconds its result or error. Then use stream_task_events and get_task_result. Each call is a new run: after a lost answer, look with list_tasks or repeat it with the same idempotency_key. A run that no agent can take yet waits: see get_task. Runs cannot be scheduled.',
    parameters: advertised(runWorkflowInput),
    outputSchema: advertised(runOutput),
    annotations: { title: 'Run a workflow', ...RUN },
  })
  @AnswersWithTask(RunTasks)
  @Streaming(WAITS)
  @RequiresPermission('run')
  runWorkflow(
    @ToolInput(runWorkflowInput) { workflow_id, ...run }: RunWorkflowInput,
    @Ctx() context: ToolContext,
  ): Promise<object> {
    return this.run({ id: workflow_id }, run, context);
  }

  @Tool({
    name: 'run_workflow_by_slug',
    description:
      'Start one run of the workflow with this slug (slug@version: an older version), its parameters as in get_workflow_by_slug. Returns task_id at once, or with wait_seconds the result or error. Each call is a new run unless it repeats an idempotency_key; more in run_workflow.',
    parameters: advertised(runWorkflowBySlugInput),
    outputSchema: advertised(runOutput),
    annotations: { title: 'Run a workflow by slug', ...RUN },
  })
  @AnswersWithTask(RunTasks)
  @Streaming(WAITS)
  @RequiresPermission('run')
  runWorkflowBySlug(
    @ToolInput(runWorkflowBySlugInput) { workflow_slug: slug, ...run }: RunWorkflowBySlugInput,
    @Ctx() context: ToolContext,
  ): Promise<object> {
    return this.run({ slug }, run, context);
  }

  private async run(
    name: RunnableWorkflow,
    { wait_seconds = 0, idempotency_key: idempotencyKey, confirm, ...asked }: RunArguments,
    context: ToolContext,
  ): Promise<object> {
    const { caller } = context;
    const body = await this.bodyOf(name, asked, caller);
    const outcome = await confirmedRun(context, {
      confirm,
      body,
      submit: (confirmation, version) => {
        const target = version === undefined ? name : { slug: version };
        const run = this.runs.run(caller, target, body, { idempotencyKey, confirmation });
        return this.suggesting(caller, name, run);
      },
      workflow: () => this.suggesting(caller, name, this.runs.workflow(caller, name)),
    });
    if (outcome instanceof RunQuestion) return outcome.result;
    if (context.takesTask) return this.runTasks.ofRun(caller, outcome, wait_seconds);
    return wait_seconds === 0 ? outcome : waitForRun(this.tasks, context, outcome, wait_seconds);
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
