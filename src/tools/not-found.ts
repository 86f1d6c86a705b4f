import { PER_PAGE_LIMIT, type PageQuery } from '../contract/index.js';
import { nearest } from '../mcp/index.js';
import { type Caller, UpstreamError } from '../upstream/index.js';

const NOT_FOUND = 404;
/** Pages that are looked through for names; a refusal must not cost much. */
const PAGE_CAP = 3;
const DEADLINE_MS = 5000;
/** As many names as are shown when none is near. */
const MOST_NAMES = 10;
const SLUG = /^[A-Za-z0-9][\w.-]{0,99}$/;

/** One page of the names a key may list. */
export interface NamesPage {
  readonly names: readonly string[];
  readonly isLast: boolean;
}

interface Lookup {
  readonly caller: Caller;
  readonly slug: string;
  /** Whether what was not found may be a thing of another kind; then what to do. */
  readonly otherwise?: string | undefined;
  /** Lists with the key of the caller, so that it learns no name it may not list. */
  readonly page: (caller: Caller, query: PageQuery) => Promise<NamesPage>;
}

/** Adds to a refusal for a slug that is not there which slugs are. */
export async function namingNearest<Answer>(answer: Promise<Answer>, lookup: Lookup): Promise<Answer> {
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

/** `undefined` when they cannot be listed: the refusal stands as it is. */
async function namesFor({ caller, page }: Lookup): Promise<readonly string[] | undefined> {
  const signal = AbortSignal.any([caller.signal, AbortSignal.timeout(DEADLINE_MS)]);
  const found: string[] = [];
  try {
    for (let current_page = 1; current_page <= PAGE_CAP; current_page += 1) {
      const { names, isLast } = await page({ ...caller, signal }, { current_page, per_page: PER_PAGE_LIMIT });
      found.push(...names.filter((name) => SLUG.test(name)));
      if (isLast) break;
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
