import { z } from 'zod';

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
