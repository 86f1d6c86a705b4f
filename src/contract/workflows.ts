import { z } from 'zod';

import { listOf } from './common.js';

export const parameterDef = z.looseObject({
  key: z.string(),
  type: z.string().optional(),
  label: z.string().nullish(),
  description: z.string().nullish(),
  required: z.boolean().nullish(),
  default: z.unknown().optional(),
  min: z.number().nullish(),
  max: z.number().nullish(),
  options: z.array(z.unknown()).nullish(),
  accept: z.array(z.string()).nullish(),
});
export type ParameterDef = z.infer<typeof parameterDef>;

/** A workflow in lists, and with `parameters` in its detail. */
export const workflow = z.looseObject({
  id: z.string(),
  workflow_slug: z.string().optional(),
  display_name: z.string().optional(),
  version: z.number().int().optional(),
  workflow_status: z.string().optional(),
  description: z.string().nullish(),
  tags: z.record(z.string(), z.string()).nullish(),
  parameters: z.array(parameterDef).nullish(),
  /** JSON Schema of the parameters; optional for a runtime. */
  parameters_schema: z.looseObject({}).nullish(),
  required_labels: z.array(z.string()).nullish(),
  task_timeout: z.number().nullish(),
  max_retries: z.number().nullish(),
  /** What a person should know before a run; absent when a run needs no confirmation. */
  confirm: z.string().nullish(),
});
export type Workflow = z.infer<typeof workflow>;

export const workflowList = listOf('workflow_list', workflow);
export type WorkflowList = z.infer<typeof workflowList>;

/** The workflows that are to be tools of their own, with `is_tool` in the query. */
export const toolWorkflowList = listOf('workflow_list', workflow.extend({ is_tool: z.boolean().nullish() }));
export type ToolWorkflowList = z.infer<typeof toolWorkflowList>;

/** Fields of the body of a run. */
export const RUN_BODY_KEYS = [
  'parameters',
  'dispatch_target',
  'target_pool',
  'submitter_region',
  'tool_type',
] as const;

const runOption = z.string().max(100).optional();

export const runRequest = z.looseObject({
  parameters: z.record(z.string(), z.unknown()).optional(),
  dispatch_target: runOption,
  target_pool: runOption,
  submitter_region: runOption,
  tool_type: runOption,
});

export const runAccepted = z.looseObject({ task_id: z.string() });
export type RunAccepted = z.infer<typeof runAccepted>;
