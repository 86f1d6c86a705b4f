import { z } from 'zod';

import type { PageQuery, WorkflowList } from '../contract/index.js';
import type { Caller } from '../upstream/index.js';
import { type Lookup, withSuggestions } from './suggestions.js';

interface WorkflowLookup {
  readonly caller: Caller;
  readonly slug: string;
  /** The tool that takes an id instead of a slug. */
  readonly idTool: string;
  readonly list: (caller: Caller, query: PageQuery) => Promise<WorkflowList>;
}

/** Adds similar slugs of active workflows to the error for a workflow that does not exist. */
export function withWorkflowSuggestions<Answer>(
  answer: Promise<Answer>,
  { caller, slug, idTool, list }: WorkflowLookup,
): Promise<Answer> {
  const page: Lookup['page'] = async (listCaller, query) => {
    const { workflow_list, page_meta } = await list(listCaller, query);
    const active = workflow_list.filter(({ workflow_status }) => workflow_status !== 'disabled');
    const names = active.flatMap(({ workflow_slug }) => workflow_slug ?? []);
    return { names, count: workflow_list.length, page_meta };
  };
  const isId = z.guid().safeParse(slug).success;
  const otherwise = isId ? `This looks like an id: call ${idTool} with it as workflow_id.` : undefined;
  return withSuggestions(answer, { caller, slug, otherwise, page });
}
