import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';
import { z } from 'zod';

import type { PresignedUpload, RunAccepted, Workflow, WorkflowList } from '../../contract/index.js';
import { advertised, RequiresPermission, ToolContext, ToolInput } from '../../mcp/index.js';
import type { Caller } from '../../upstream/index.js';
import { READS } from '../tool-definition.js';
import { type Lookup, withSuggestions } from '../suggestions.js';
import { runRequestFor } from './run-request.js';
import {
  type GetWorkflowBySlugInput,
  getWorkflowBySlugInput,
  type GetWorkflowInput,
  getWorkflowInput,
  type ListWorkflowsInput,
  listWorkflowsInput,
  listWorkflowsOutput,
  type PresignFileUploadInput,
  presignFileUploadInput,
  presignFileUploadOutput,
  runOutput,
  type RunWorkflowBySlugInput,
  runWorkflowBySlugInput,
  type RunWorkflowInput,
  runWorkflowInput,
  workflowOutput,
} from './workflows.schemas.js';
import { WorkflowsService } from './workflows.service.js';

const RUN = { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: true };

/** What an agent can do with workflows. */
@McpController()
export class WorkflowsTools {
  constructor(private readonly workflows: WorkflowsService) {}

  @Tool({
    name: 'list_workflows',
    description:
      'List the workflows of the team, page by page. Take an id or workflow_slug from here, then see get_workflow for its parameters.',
    parameters: advertised(listWorkflowsInput),
    outputSchema: advertised(listWorkflowsOutput),
    annotations: { title: 'List workflows', ...READS },
  })
  listWorkflows(
    @ToolInput(listWorkflowsInput) page: ListWorkflowsInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<WorkflowList> {
    return this.workflows.list(caller, page);
  }

  @Tool({
    name: 'get_workflow',
    description:
      'Get one workflow by id, with the parameters a run takes: key, type, whether required, default, limits, options; parameters_schema, where given, is their JSON Schema. Next: run_workflow.',
    parameters: advertised(getWorkflowInput),
    outputSchema: advertised(workflowOutput),
    annotations: { title: 'Get a workflow', ...READS },
  })
  getWorkflow(
    @ToolInput(getWorkflowInput) { workflow_id }: GetWorkflowInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<Workflow> {
    return this.workflows.get(caller, workflow_id);
  }

  @Tool({
    name: 'get_workflow_by_slug',
    description:
      'Same as get_workflow, by slug. slug@version gets an older version. Next: run_workflow_by_slug.',
    parameters: advertised(getWorkflowBySlugInput),
    outputSchema: advertised(workflowOutput),
    annotations: { title: 'Get a workflow by slug', ...READS },
  })
  getWorkflowBySlug(
    @ToolInput(getWorkflowBySlugInput) { workflow_slug }: GetWorkflowBySlugInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<Workflow> {
    const answer = this.workflows.getBySlug(caller, workflow_slug);
    return withSuggestions(answer, lookupOf(caller, workflow_slug, 'get_workflow', this.workflows));
  }

  @Tool({
    name: 'presign_file_upload',
    description:
      'Get an upload link for a file parameter of a workflow. Then send the bytes yourself: HTTP PUT to upload_url with every header of upload_headers exactly as given, e.g. curl -T FILE -H "NAME: VALUE" "UPLOAD_URL". Then pass file_key as the value of the parameter.',
    parameters: advertised(presignFileUploadInput),
    outputSchema: advertised(presignFileUploadOutput),
    annotations: {
      title: 'Prepare a file upload',
      readOnlyHint: false,
      destructiveHint: false,
      idempotentHint: false,
      openWorldHint: false,
    },
  })
  @RequiresPermission('run')
  presignFileUpload(
    @ToolInput(presignFileUploadInput) { body }: PresignFileUploadInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<PresignedUpload> {
    return this.workflows.presign(caller, body);
  }

  @Tool({
    name: 'run_workflow',
    description:
      'Submit one run of a workflow. Returns at once with a task_id: follow it with stream_task_events, then read get_task_result. If the answer is lost, look with list_tasks before running again.',
    parameters: advertised(runWorkflowInput),
    outputSchema: advertised(runOutput),
    annotations: { title: 'Run a workflow', ...RUN },
  })
  @RequiresPermission('run')
  async runWorkflow(
    @ToolInput(runWorkflowInput) { workflow_id, body }: RunWorkflowInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<RunAccepted> {
    const request = await runRequestFor(body, () => this.workflows.get(caller, workflow_id));
    return this.workflows.run(caller, workflow_id, request);
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
    @ToolInput(runWorkflowBySlugInput) { workflow_slug, body }: RunWorkflowBySlugInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<RunAccepted> {
    const accepted = runRequestFor(body, () => this.workflows.getBySlug(caller, workflow_slug)).then(
      (request) => this.workflows.runBySlug(caller, workflow_slug, request),
    );
    return withSuggestions(accepted, lookupOf(caller, workflow_slug, 'run_workflow', this.workflows));
  }
}

/** @param idTool the tool that takes an id instead of a slug. */
const lookupOf = (caller: Caller, slug: string, idTool: string, workflows: WorkflowsService): Lookup => ({
  caller,
  slug,
  otherwise: z.guid().safeParse(slug).success
    ? `This looks like an id: call ${idTool} with it as workflow_id.`
    : undefined,
  page: async (listCaller, query) => {
    const { workflow_list, page_meta } = await workflows.list(listCaller, query);
    const active = workflow_list.filter(({ workflow_status }) => workflow_status !== 'disabled');
    const names = active.flatMap(({ workflow_slug }) => workflow_slug ?? []);
    return { names, count: workflow_list.length, page_meta };
  },
});
