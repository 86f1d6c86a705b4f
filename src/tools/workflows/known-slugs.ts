import { z } from 'zod';

import type { Caller } from '../../upstream/index.js';
import { namingNearest } from '../not-found.js';
import type { WorkflowsService } from './workflows.service.js';

interface Asked {
  readonly caller: Caller;
  readonly slug: string;
  /** The tool that takes an id instead. */
  readonly idTool: string;
}

/** The answer; when there is no such workflow, the refusal says which there are, or that the slug is an id. */
export function withKnownSlugs<Answer>(
  answer: Promise<Answer>,
  { caller, slug, idTool }: Asked,
  workflows: WorkflowsService,
): Promise<Answer> {
  return namingNearest(answer, {
    caller,
    slug,
    otherwise: z.guid().safeParse(slug).success
      ? `This looks like an id: call ${idTool} with it as workflow_id.`
      : undefined,
    page: async (who, query) => {
      const { workflow_list, page_meta } = await workflows.list(who, query);
      const active = workflow_list.filter(({ workflow_status }) => workflow_status !== 'disabled');
      return {
        names: active.flatMap(({ workflow_slug }) => workflow_slug ?? []),
        isLast: workflow_list.length < (query.per_page ?? 0) || page_meta === undefined,
      };
    },
  });
}
