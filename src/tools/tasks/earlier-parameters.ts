import type { Task } from '../../contract/index.js';
import { ToolError } from '../../mcp/index.js';
import type { RunnableWorkflow } from './runs.service.js';

type Body = Readonly<Record<string, unknown>>;

/**
 * The body of a run with the parameters of an earlier task; those of the body come first.
 *
 * @throws {ToolError} when the task was a run of another workflow, or the runtime does not give its parameters.
 */
export function withEarlierParameters(body: Body, task: Task, workflow: RunnableWorkflow): Body {
  if (!isOf(workflow, task)) {
    const slug = !task.workflow_slug ? 'another workflow' : `workflow ${task.workflow_slug}`;
    throw new ToolError(
      `Nothing was started: task ${task.id} in like_task_id is a run of ${slug}. Take a task of the workflow to run, or run that one.`,
    );
  }
  if (!task.parameters)
    throw new ToolError(
      `Nothing was started: the runtime does not give the parameters of task ${task.id}, or they are too long. Leave like_task_id out and give all parameters in body.`,
    );
  return { ...body, parameters: { ...task.parameters, ...(body['parameters'] as object) } };
}

function isOf(workflow: RunnableWorkflow, { workflow_id, workflow_slug }: Task): boolean {
  if ('id' in workflow) return workflow_id === undefined || workflow_id === workflow.id;
  return !workflow_slug || workflow_slug === workflow.slug.split('@')[0];
}
