import { z } from 'zod';

/** An object of the contract, with or without a step before it. */
type Answer = z.ZodObject | { readonly out: z.ZodObject };

/** What an error result holds instead of the answer. */
const errorFields = {
  error_message: z.string().optional().describe('Only on failure: the reason and what to do next'),
  retry_after_seconds: z.number().optional(),
};

/**
 * Output schema of a tool: the API's answer, open, every root field optional and the fields of an error among them.
 * Clients of the 2025 revisions hold error results against it too, and throw what does not fit.
 */
export function outputOf(answer: Answer, ours: z.ZodRawShape = {}): z.ZodObject {
  const { shape } = 'out' in answer ? answer.out : answer;
  return z.looseObject({ ...z.object({ ...shape, ...ours }).partial().shape, ...errorFields });
}
