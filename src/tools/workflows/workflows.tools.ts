import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import type { Workflow } from '../../contract/index.js';
import { advertised, RequiresPermission, ToolContext, ToolInput } from '../../mcp/index.js';
import { brief, inFormat } from '../concise.js';
import { READS } from '../tool-definition.js';
import { withWorkflowSuggestions } from '../workflow-suggestions.js';
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
  workflowOutput,
} from './workflows.schemas.js';
import { WorkflowsService } from './workflows.service.js';

/** What an agent can do with workflows. */
@McpController()
export class WorkflowsTools {
  constructor(private readonly workflows: WorkflowsService) {}

  @Tool({
    name: 'list_workflows',
    description:
      'List the workflows that the team can run, newest first, in short unless response_format is detailed; query keeps those with all its words. Start here when you do not know what to run; for the parameters of one, use get_workflow. Workflows cannot be made or changed with these tools.',
    parameters: advertised(listWorkflowsInput),
    outputSchema: advertised(listWorkflowsOutput),
    annotations: { title: 'List workflows', ...READS },
  })
  async listWorkflows(
    @ToolInput(listWorkflowsInput) { response_format, ...page }: ListWorkflowsInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<object> {
    const list = await this.workflows.list(caller, page);
    return inFormat(list, response_format, { key: 'workflow_list', concise: conciseWorkflow });
  }

  @Tool({
    name: 'get_workflow',
    description:
      'Get one workflow by id, with every parameter of a run: key, type, whether required, default, limits, options; parameters_schema, where given, is their whole JSON Schema. Use it before run_workflow, so that the values are valid. With a slug, use get_workflow_by_slug.',
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
      'Get one workflow by slug, or an older version by slug@version, with every parameter of a run: key, type, whether required, default, limits, options. Use it before run_workflow_by_slug, so that the values are valid. With an id, use get_workflow.',
    parameters: advertised(getWorkflowBySlugInput),
    outputSchema: advertised(workflowOutput),
    annotations: { title: 'Get a workflow by slug', ...READS },
  })
  getWorkflowBySlug(
    @ToolInput(getWorkflowBySlugInput) { workflow_slug }: GetWorkflowBySlugInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<Workflow> {
    return withWorkflowSuggestions(this.workflows.getBySlug(caller, workflow_slug), {
      caller,
      slug: workflow_slug,
      idTool: 'get_workflow',
      list: (listCaller, page) => this.workflows.list(listCaller, page),
    });
  }

  @Tool({
    name: 'presign_file_upload',
    description:
      'Prepare a file for a file parameter of a workflow; its file_key is the value of the parameter. A small text: give content_text, and it is stored at once. Other files: send the bytes yourself, by HTTP PUT to upload_url with every header of upload_headers exactly as given: curl -T FILE -H "NAME: VALUE" "UPLOAD_URL".',
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
  async presignFileUpload(
    @ToolInput(presignFileUploadInput) { body }: PresignFileUploadInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<object> {
    const { content_text, file_size = 0, ...file } = body;
    if (content_text === undefined) return this.workflows.presign(caller, { ...file, file_size });
    const stored = await this.workflows.storeText(caller, { ...file, content_text });
    return { ...stored, note: STORED };
  }
}

const STORED =
  'The file is stored, so there is nothing to upload: pass file_key as the value of the parameter.';
const LONGEST_SUMMARY = 200;

/** A workflow in a list: what it is for, and whether it can run. */
const conciseWorkflow = (workflow: Workflow): Readonly<Record<string, unknown>> => ({
  id: workflow.id,
  workflow_slug: workflow.workflow_slug,
  display_name: workflow.display_name,
  description: brief(workflow.description, LONGEST_SUMMARY),
  tags: workflow.tags,
  required_labels: workflow.required_labels,
  ...(workflow.workflow_status !== 'active' && { workflow_status: workflow.workflow_status }),
});
