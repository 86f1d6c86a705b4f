import { type Resource, ResourceNotFoundError } from '@modelcontextprotocol/server';
import { Ctx, Payload } from '@nestjs/microservices';
import { McpController, ResourceTemplate } from '@rekog/mcp-nest';

import { isTerminal, PER_PAGE_LIMIT, type Task } from '../../contract/index.js';
import {
  type Candidates,
  Completion,
  type CompletionPayload,
  RequestContext,
  ResourceList,
  type ResourcePage,
  type ResourcePageQuery,
  withExtras,
} from '../../mcp/index.js';
import { goesOnAfter } from '../completions.js';
import { briefTime } from '../concise.js';
import { id as taskId } from '../tool-definition.js';
import { marked, TASK_TEXTS } from '../untrusted.js';
import { HOW_TO_READ_ON, partOf } from './result-part.js';
import { TasksService } from './tasks.service.js';

const TASK = 'task://{id}';
/** The list is of the newest tasks; list_tasks has all of them. */
const LAST_PAGE = 4;
const TYPED_ID = /^[\da-f-]*$/i;

/** The tasks of the team as resources, and suggestions for their ids. */
@McpController()
export class TasksResources {
  constructor(private readonly tasks: TasksService) {}

  @ResourceTemplate({
    name: 'task',
    uriTemplate: TASK,
    description:
      'The state of a task; once it has ended, also its output with links to its files, or its error.',
    mimeType: 'application/json',
  })
  async read(
    @Payload() { uri, id }: { readonly uri: string; readonly id: string },
    @Ctx() { caller }: RequestContext,
  ): Promise<object> {
    if (!taskId.safeParse(id).success) throw new ResourceNotFoundError(uri);
    const task = await this.tasks.get(caller, id);
    if (!isTerminal(task.task_status)) return marked(task, TASK_TEXTS);
    const result = partOf(await this.tasks.result(caller, id), {});
    return withExtras(marked({ ...task, ...result }, TASK_TEXTS), { whenCut: HOW_TO_READ_ON });
  }

  @ResourceList('tasks')
  async list(@Payload() page: ResourcePageQuery, @Ctx() { caller }: RequestContext): Promise<ResourcePage> {
    if (page.current_page > LAST_PAGE) return { resources: [], hasMore: false };
    const { task_list, page_meta } = await this.tasks.list(caller, { ...page, states: [] });
    return {
      resources: task_list.map(resourceOf),
      hasMore: page.current_page < LAST_PAGE && goesOnAfter(page, page_meta?.total_count),
    };
  }

  @Completion({ uriTemplate: TASK, argument: 'id' })
  async completeId(
    @Payload() { value }: CompletionPayload,
    @Ctx() { caller }: RequestContext,
  ): Promise<Candidates> {
    if (!TYPED_ID.test(value)) return { values: [] };
    const page = { current_page: 1, per_page: PER_PAGE_LIMIT };
    const { task_list, page_meta } = await this.tasks.list(caller, { ...page, states: [] });
    const ids = task_list.map(({ id }) => id).filter((id) => id.startsWith(value.toLowerCase()));
    return { values: ids, hasMore: goesOnAfter(page, page_meta?.total_count) };
  }
}

function resourceOf({ id, workflow_slug, task_status, created_at, completed_at }: Task): Resource {
  const lastModified = completed_at ?? created_at;
  const title = [workflow_slug, task_status, briefTime(created_at)].filter(Boolean).join(', ');
  return {
    uri: `task://${id}`,
    name: `task ${id}`,
    title,
    mimeType: 'application/json',
    ...(lastModified && { annotations: { lastModified } }),
  };
}
