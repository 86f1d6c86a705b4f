import { z } from 'zod';

import type { Caller } from '../../upstream/index.js';
import { withSuggestions } from '../suggestions.js';
import type { WorkflowsService } from './workflows.service.js';

interface Lookup {
  readonly caller: Caller;
  readonly slug: string;
  /** The tool that takes an id instead. */
  readonly idTool: string;
}

/** The answer; a 404 error names the workflows there are, or says that the slug is an id. */
export function suggestWorkflows<Answer>(
  answer: Promise<Answer>,
  { caller, slug, idTool }: Lookup,
  workflows: WorkflowsService,
): Promise<Answer> {
  return withSuggestions(answer, {
    caller,
    slug,
    otherwise: z.guid().safeParse(slug).success
      ? `This looks like an id: call ${idTool} with it as workflow_id.`
      : undefined,
    page: async (listCaller, query) => {
      const { workflow_list, page_meta } = await workflows.list(listCaller, query);
      const active = workflow_list.filter(({ workflow_status }) => workflow_status !== 'disabled');
      return {
        names: active.flatMap(({ workflow_slug }) => workflow_slug ?? []),
        isLast: workflow_list.length < (query.per_page ?? 0) || page_meta === undefined,
      };
    },
  });
}
