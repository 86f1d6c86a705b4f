import { z } from 'zod';

import { PER_PAGE_LIMIT } from '../contract/index.js';

/** Inputs of every paged list. */
export const pageInput = z.object({
  current_page: z.number().int().min(1).optional().describe('Page, from 1; default 1'),
  per_page: z.number().int().min(1).max(PER_PAGE_LIMIT).optional().describe('Items per page; default 20'),
});
export type PageInput = z.infer<typeof pageInput>;

/**
 * Text that is checked by a rule but advertised without it: the long pattern of the rule would cost a model tokens
 * without helping it.
 */
export const textOf = (rule: z.ZodType, sentence: string, advertised: Record<string, unknown> = {}) =>
  z
    .string()
    .refine((text) => rule.safeParse(text).success, sentence)
    .meta(advertised);

/** As {@link textOf}, for a map of texts. */
export const textsOf = (rule: z.ZodType, sentence: string) =>
  z.record(z.string(), z.string()).refine((texts) => rule.safeParse(texts).success, sentence);

/** An id made by the Runtime API; the sentence goes on with what to do about another value. */
export const idOr = (otherwise: string) =>
  textOf(z.guid(), `must be a UUID; ${otherwise}`, { format: 'uuid' });

export const id = idOr('take it as it was returned to you');
