import { z } from 'zod';

/** Page block beside every list; the runtime may add fields, such as the cursor of the next page. */
export const pageMeta = z.looseObject({
  current_page: z.number().int(),
  per_page: z.number().int(),
  total_count: z.number().int(),
});

/** Query of every paged list: `current_page` from 1, `per_page` 1 to 100. */
export interface PageQuery {
  readonly current_page?: number | undefined;
  readonly per_page?: number | undefined;
}

export const PER_PAGE_LIMIT = 100;
export const PER_PAGE_DEFAULT = 20;

/**
 * Body of every error; `retry_after_seconds` is added here, from the `Retry-After` header. The error of a call to a
 * service that fails has the `last_failure` of its description, see `serviceFailure`.
 */
export const errorBody = z.looseObject({
  error_message: z.string(),
  retry_after_seconds: z.number().optional(),
  last_failure: z.looseObject({ log_lines: z.array(z.string()).nullish() }).optional(),
  /** Added here: where the body has text that a service wrote. */
  untrusted: z.array(z.string()).optional(),
});
export type ErrorBody = z.infer<typeof errorBody>;

/**
 * A list body `{ <thing>_list: [...], page_meta }`. The first array found is the list, under any key, so that a
 * deployment with another name for it is understood; the result has the documented key.
 */
export function listOf<Key extends string, Item extends z.ZodType>(key: Key, item: Item) {
  const body = z.looseObject({ [key]: z.array(item), page_meta: pageMeta.optional() } as {
    [K in Key]: z.ZodArray<Item>;
  } & { page_meta: z.ZodOptional<typeof pageMeta> });
  return z.preprocess((answer) => withDocumentedKey(key, answer), body);
}

function withDocumentedKey(key: string, answer: unknown): unknown {
  if (Array.isArray(answer)) return { [key]: answer };
  if (typeof answer !== 'object' || answer === null || Array.isArray(Reflect.get(answer, key))) return answer;
  const found = Object.entries(answer).find(([, value]) => Array.isArray(value));
  if (!found) return answer;
  const { [found[0]]: list, ...rest } = answer as Record<string, unknown>;
  return { [key]: list, ...rest };
}
