import type { z } from 'zod';

import type { ApiClient } from './api-client.js';
import { CommandError } from './command-error.js';
import { note, type PrintOptions } from './printing.js';

export interface ListOptions extends PrintOptions {
  readonly limit?: string;
}

const PAGE = 100;
const DEFAULT_LIMIT = 20;
const LARGEST_LIMIT = 10_000;

interface Listed<Item> {
  readonly items: readonly Item[];
  /** Of all pages; absent where the runtime does not say. */
  readonly total: number | undefined;
  readonly headers: Headers;
}

interface ListRequest {
  readonly path: readonly string[];
  readonly query?: Readonly<Record<string, string | number | undefined>>;
}

interface Paged {
  readonly page_meta?: { readonly total_count: number } | undefined;
}

/** The body of a list, and where its items are. */
interface ListShape<Body extends Paged, Item> {
  readonly answer: z.ZodType<Body>;
  readonly itemsOf: (body: Body) => readonly Item[];
}

/** The first items of a list, over as many pages as that takes. Notes when there are more. */
export async function listed<Body extends Paged, Item>(
  api: ApiClient,
  { path, query = {} }: ListRequest,
  { answer, itemsOf }: ListShape<Body, Item>,
  options: ListOptions,
): Promise<Listed<Item>> {
  const limit = limitOf(options);
  const per_page = Math.min(limit, PAGE);
  const items: Item[] = [];
  for (let current_page = 1; ; current_page += 1) {
    const sent = { path, query: { ...query, current_page, per_page } };
    const { data, headers } = await api.send(sent, answer);
    const page = itemsOf(data);
    items.push(...page);
    const total = data.page_meta?.total_count;
    const isLast = page.length < per_page || total === undefined || items.length >= total;
    if (!isLast && items.length < limit) continue;
    items.splice(limit);
    if (total !== undefined && items.length < total && !options.json)
      note(`${items.length} of ${total} are shown; --limit ${Math.min(total, LARGEST_LIMIT)} shows more.`);
    return { items, total, headers };
  }
}

function limitOf({ limit }: ListOptions): number {
  if (limit === undefined) return DEFAULT_LIMIT;
  if (/^[1-9]\d{0,4}$/.test(limit) && Number(limit) <= LARGEST_LIMIT) return Number(limit);
  throw new CommandError(`--limit is "${limit}", but must be 1 to ${LARGEST_LIMIT}. Example: --limit 100`);
}
