import { z } from 'zod';

import { pageMeta, PER_PAGE_LIMIT } from '../contract/index.js';

/** Longest wait of a run in seconds: many clients end a call that is silent for 60 s. */
export const RUN_WAIT_SECONDS = 45;

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

/** An object of the contract, with or without a transformation. */
type ContractObject = z.ZodObject | { readonly out: z.ZodObject };

/** The fields of an error result, which has none of the others. */
const errorFields = {
  error_message: z.string().optional().describe('Only on failure: the reason and what to do next'),
  retry_after_seconds: z.number().optional(),
};

/**
 * Output schema of a tool: the API's response, open, with every root field optional and the fields of an error among
 * them. Clients of the 2025 revisions validate error results against it too, and throw if they do not match.
 */
export function outputOf(response: ContractObject, more: z.ZodRawShape = {}): z.ZodObject {
  const { shape } = 'out' in response ? response.out : response;
  return z.looseObject({ ...z.object({ ...shape, ...more }).partial().shape, ...errorFields });
}

/** As {@link outputOf}, for a list; the fields of its items are those of the tool that gets one of them. */
export const listOutputOf = (key: string, more: z.ZodRawShape = {}): z.ZodObject =>
  outputOf(z.object({ [key]: z.array(z.looseObject({})), page_meta: pageMeta }), more);

/** Hints of a tool that only reads, and only what the team owns. */
export const READS = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;
