import { PER_PAGE_LIMIT, type PageQuery } from '../contract/index.js';
import { nearest } from '../mcp/index.js';
import { type Caller, UpstreamError } from '../upstream/index.js';

const NOT_FOUND = 404;
/** Pages that are searched for names; an error must stay cheap. */
const PAGE_CAP = 3;
const DEADLINE_MS = 5000;
/** Names that are listed when none is similar. */
const MOST_NAMES = 10;
const SLUG = /^[A-Za-z0-9][\w.-]{0,99}$/;

interface NamesPage {
  readonly names: readonly string[];
  /** How many items the page has; an item may have no name. */
  readonly count: number;
  /** Absent when the deployment does not page. */
  readonly page_meta?: object | undefined;
}

export interface Lookup {
  readonly caller: Caller;
  readonly slug: string;
  /** What to do when the slug may be something else, such as an id. */
  readonly otherwise?: string | undefined;
  /** Lists with the key of the caller, so that the error shows no name that the key may not list. */
  readonly page: (caller: Caller, query: PageQuery) => Promise<NamesPage>;
}

/** Adds similar names to the error for a slug that does not exist. */
export async function withSuggestions<Answer>(answer: Promise<Answer>, lookup: Lookup): Promise<Answer> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.status !== NOT_FOUND) throw error;
    const advice = lookup.otherwise ?? adviceOn(lookup.slug, await namesFor(lookup));
    if (advice === undefined) throw error;
    const { operation, status, body, cause } = error;
    const error_message = `${body.error_message} ${advice}`;
    throw new UpstreamError(
      'rejected',
      { ...body, error_message },
      { operation, status, cause: cause as Error },
    );
  }
}

/** `undefined` when they cannot be listed: the error stays as it is. */
async function namesFor({ caller, page }: Lookup): Promise<readonly string[] | undefined> {
  const signal = AbortSignal.any([caller.signal, AbortSignal.timeout(DEADLINE_MS)]);
  const found: string[] = [];
  try {
    for (let current_page = 1; current_page <= PAGE_CAP; current_page += 1) {
      const { names, count, page_meta } = await page(
        { ...caller, signal },
        { current_page, per_page: PER_PAGE_LIMIT },
      );
      found.push(...names.filter((name) => SLUG.test(name)));
      if (count < PER_PAGE_LIMIT || page_meta === undefined) break;
    }
  } catch (error) {
    if (!(error instanceof UpstreamError)) throw error;
    return undefined;
  }
  return [...new Set(found)];
}

function adviceOn(given: string, names: readonly string[] | undefined): string | undefined {
  if (!names) return undefined;
  const [slug = '', version] = given.split('@');
  if (names.includes(slug)) {
    return version === undefined
      ? undefined
      : `${slug} is there, but not as version ${version}: leave "@${version}" out.`;
  }
  if (names.length === 0) return 'There are none.';
  const near = nearest(slug, names);
  if (near.length > 0) return `Nearest: ${near.join(', ')}.`;
  return names.length <= MOST_NAMES ? `There are: ${names.join(', ')}.` : undefined;
}
