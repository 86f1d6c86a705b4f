import { Injectable } from '@nestjs/common';

import { RUN_BODY_KEYS, type Workflow } from '../../contract/index.js';
import { type KeyTool, type ToolSource, ToolSources } from '../../mcp/index.js';
import type { Caller } from '../../upstream/index.js';
import { RUN_WAIT_SECONDS } from '../tool-definition.js';
import { WorkflowsService } from './workflows.service.js';

/** What hosts and models take as the name of a tool. */
const NAME = /^[A-Za-z0-9_]{1,64}$/;
const LONGEST_SUMMARY = 1000;

/** The toolset `workflow-tools`: the workflows that their authors pinned, as tools of their own. */
@Injectable()
export class PinnedWorkflows implements ToolSource {
  readonly toolset = 'workflow-tools';

  constructor(
    private readonly workflows: WorkflowsService,
    sources: ToolSources,
  ) {
    sources.add(this);
  }

  async toolsFor(caller: Caller): Promise<readonly KeyTool[]> {
    const { workflow_list } = await this.workflows.pinned(caller);
    return workflow_list.filter(({ is_tool }) => is_tool === true).flatMap(toolOf);
  }
}

function toolOf(workflow: Workflow): KeyTool[] {
  const {
    id,
    workflow_slug: slug = '',
    display_name = slug,
    description,
    parameters_schema: schema,
  } = workflow;
  const name = `run_${slug.replaceAll(/[^A-Za-z0-9]/g, '_')}`;
  if (!NAME.test(name)) return [];
  const inputSchema = schema?.['type'] === 'object' ? schema : { type: 'object' };
  return [
    {
      name,
      title: display_name,
      description: descriptionOf(slug, description?.slice(0, LONGEST_SUMMARY).toWellFormed(), schema),
      inputSchema,
      runs: 'run_workflow',
      // A client that takes a task learns the end by it, however long the run takes.
      argumentsOf: (given, { takesTask }) => ({
        workflow_id: id,
        body: bodyOf(given),
        ...(!takesTask && { wait_seconds: RUN_WAIT_SECONDS }),
      }),
      whenLost: `A run of ${slug} may have started: look with list_tasks and workflow_slug "${slug}" before you run it again.`,
      origin: `the workflow ${slug}`,
    },
  ];
}

/** The bare parameters, unless one of them could be taken for a field of the body. */
const bodyOf = (given: object): object =>
  RUN_BODY_KEYS.some((key) => Object.hasOwn(given, key)) ? { parameters: given } : given;

function descriptionOf(
  slug: string,
  summary: string | undefined,
  schema: Workflow['parameters_schema'],
): string {
  const what = summary?.trim();
  const sentences = [
    ...(what ? [/[.!?]$/.test(what) ? what : `${what}.`] : []),
    `Runs the workflow ${slug} and waits up to ${RUN_WAIT_SECONDS} s for its result; a longer run goes on, and stream_task_events follows it.`,
    ...(schema ? [] : [`get_workflow_by_slug has its parameters.`]),
    ...(takesFile(schema) ? ['A file parameter takes a file_key.'] : []),
  ];
  return sentences.join(' ');
}

const takesFile = (schema: Workflow['parameters_schema']): boolean =>
  JSON.stringify(schema ?? {}).includes('"format":"file"');
