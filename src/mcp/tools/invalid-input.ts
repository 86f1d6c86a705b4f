import type { z } from 'zod';

import { InvalidInput } from '../protocol/index.js';
import { isObject, isOpenObject, type JsonSchema, resolved } from './json-schema.js';
import { nearest } from './nearest.js';
import type { ReadArguments, UnknownKey } from './tool-input.js';

const MOST_FAULTS = 12;

type Issue = z.core.$ZodIssue;

/** All errors in the arguments of one call, with the valid names. */
export function invalidInput(
  { value, unknown }: ReadArguments,
  issues: readonly Issue[],
  root: JsonSchema,
): InvalidInput {
  const faults = [
    ...unknown.map((each) => ({ path: [...each.path, each.key], message: adviceOn(each, root) })),
    ...issues
      .filter(({ code }) => code !== 'unrecognized_keys')
      .map((issue) => ({ path: issue.path, message: ruleOf(issue, value, root) })),
  ];
  const more = faults.length - MOST_FAULTS;
  const rest = more > 0 ? [{ path: [`${more} more`], message: 'of the same kinds' }] : [];
  return new InvalidInput([...faults.slice(0, MOST_FAULTS), ...rest], namesOf(unknown));
}

/** Where an unknown argument belongs. */
function adviceOn({ key, path, within }: UnknownKey, root: JsonSchema): string {
  const names = Object.keys(within.properties ?? {});
  const [best, ...others] = nearest(key, names);
  const home = path.length > 0 ? undefined : homeOf(key, within, root);
  if (names.length === 0) return 'no such argument, this takes none; leave it out';
  if (home?.isNamed) return `no such argument here; it belongs into ${home.name}`;
  if (best !== undefined)
    return `no such argument; nearest is ${[best, ...others].map((name) => described(name, within)).join(' or ')}`;
  if (path.length > 0 && Object.hasOwn(root.properties ?? {}, key))
    return `no such argument here; it belongs beside ${path.join('.')}`;
  return home ? `no such argument; put it into ${home.name}` : 'no such argument; leave it out';
}

interface Home {
  readonly name: string;
  /** The object names the key; otherwise it takes any. */
  readonly isNamed: boolean;
}

/** The argument that is an object and takes such a key. */
function homeOf(key: string, { properties = {} }: JsonSchema, root: JsonSchema): Home | undefined {
  const objects = Object.entries(properties).map(([name, inner]) => ({ name, inner: resolved(inner, root) }));
  const naming = objects.find(({ inner }) => Object.hasOwn(inner.properties ?? {}, key));
  if (naming) return { name: naming.name, isNamed: true };
  const open = objects.find(({ inner }) => isOpenObject(inner));
  return open && { name: open.name, isNamed: false };
}

function described(name: string, { properties = {} }: JsonSchema): string {
  const meaning = properties[name]?.description;
  return meaning === undefined ? name : `${name} (${meaning})`;
}

/** The library's message, or a better one for missing values and near misses. */
function ruleOf(issue: Issue, value: unknown, root: JsonSchema): string {
  const { parent, here } = at(issue.path, value, root);
  if (issue.code === 'invalid_type' && here === undefined) {
    return `required${parent.description === undefined ? '' : ` (${parent.description})`}`;
  }
  if (issue.code === 'too_big') return rangeRule(issue.origin, 'most', issue.maximum);
  if (issue.code === 'too_small') return rangeRule(issue.origin, 'least', issue.minimum);
  if (issue.code !== 'invalid_value' || typeof here !== 'string') return issue.message;
  const [best] = nearest(
    here,
    issue.values.filter((each) => typeof each === 'string'),
  );
  return best === undefined ? issue.message : `${issue.message}; nearest is "${best}"`;
}

const COUNTED: Readonly<Record<string, string>> = { string: ' characters', array: ' items' };

/** The bound of a number, or of the length of a text or list; the library's message is about types. */
const rangeRule = (origin: string, end: 'most' | 'least', limit: number | bigint): string =>
  origin in COUNTED ? `must have at ${end} ${limit}${COUNTED[origin]}` : `must be at ${end} ${limit}`;

/** The value at a path, and the schema that describes it. */
function at(
  path: readonly PropertyKey[],
  value: unknown,
  root: JsonSchema,
): { here: unknown; parent: JsonSchema } {
  let [here, parent] = [value, root];
  for (const step of path) {
    const { properties = {}, items } = resolved(parent, root);
    parent = (Array.isArray(here) ? items : properties[String(step)]) ?? {};
    here =
      (isObject(here) || Array.isArray(here)) && Object.hasOwn(here, step)
        ? Reflect.get(here, step)
        : undefined;
  }
  return { here, parent };
}

/** The valid names at each place with an unknown one. */
function namesOf(unknown: readonly UnknownKey[]): string {
  const places = new Map(unknown.map(({ path, within }) => [path.join('.'), within]));
  return [...places]
    .filter(([, { properties = {} }]) => Object.keys(properties).length > 0)
    .map(([place, { properties = {}, required = [] }]) => {
      const names = Object.keys(properties).map((name) =>
        required.includes(name) ? `${name} (required)` : name,
      );
      return `${place === '' ? 'The tool' : place} takes ${names.join(', ')}. `;
    })
    .join('');
}
