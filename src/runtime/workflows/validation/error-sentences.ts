import type { ErrorObject } from 'ajv';
import { closest, distance } from 'fastest-levenshtein';

import { isMapping } from './schema-walk.ts';

const MOST_FAULTS = 20;
const MOST_NAMES = 30;
const LONGEST_NAME = 60;
/** Keywords that only summarise other errors. */
const SUMMARIES: ReadonlySet<string> = new Set(['if', 'propertyNames']);
const CHOICES: ReadonlySet<string> = new Set(['anyOf', 'oneOf']);

/** One sentence per violated rule, with the parameter and the rule. */
export function errorSentences(errors: readonly ErrorObject[]): string[] {
  const sentences = new Set<string>();
  for (const error of withoutBranches(errors)) {
    if (!SUMMARIES.has(error.keyword)) sentences.add(sentenceOf(error));
  }
  const all = [...sentences];
  const more = all.length - MOST_FAULTS;
  return more > 0 ? [...all.slice(0, MOST_FAULTS), `and ${more} more rules are broken`] : all;
}

interface Fault extends ErrorObject {
  readonly branches?: readonly ErrorObject[];
}

/** Moves the errors of the branches of `anyOf` and `oneOf`, which precede them, into their error. */
function withoutBranches(errors: readonly ErrorObject[]): Fault[] {
  const kept: Fault[] = [];
  for (const error of errors) {
    if (!CHOICES.has(error.keyword)) {
      kept.push(error);
      continue;
    }
    const first = kept.findIndex((earlier) => isWithin(earlier, error));
    const branches = first === -1 ? [] : kept.splice(first);
    kept.push(...branches.filter((earlier) => !isWithin(earlier, error)));
    kept.push({ ...error, branches: branches.filter((earlier) => isWithin(earlier, error)) });
  }
  return kept;
}

const isWithin = (inner: ErrorObject, outer: ErrorObject): boolean =>
  inner.instancePath === outer.instancePath || inner.instancePath.startsWith(`${outer.instancePath}/`);

function sentenceOf(error: Fault): string {
  const path = error.instancePath.split('/').slice(1).map(unescapePointer);
  const { missingProperty } = error.params as { missingProperty?: unknown };
  const unknown = unknownPropertyOf(error);
  if (typeof missingProperty === 'string')
    return `parameter ${quoted([...path, missingProperty])} is required`;
  if (unknown !== undefined) {
    const { properties } = (error.parentSchema ?? {}) as { properties?: unknown };
    const names = validNames(unknown, Object.keys(isMapping(properties) ? properties : {}));
    return `parameter ${quoted([...path, unknown])} is not one this workflow takes: ${names}`;
  }
  const name = path.length === 0 ? 'the parameters' : `parameter ${quoted(path)}`;
  return `${name} ${ruleOf(error)}`;
}

/** The rule, as the part of the sentence after the parameter. */
function ruleOf({ keyword, params, branches = [], ...error }: Fault): string {
  const { message = 'is not valid' } = error;
  const { allowedValues, allowedValue } = params as { allowedValues?: unknown; allowedValue?: unknown };
  if (keyword === 'enum') return `must be one of ${JSON.stringify(allowedValues)}`;
  if (keyword === 'const') return `must be ${JSON.stringify(allowedValue)}`;
  if (error.propertyName !== undefined)
    return `has a name it may not have, "${shown(error.propertyName)}": it ${message}`;
  if (!CHOICES.has(keyword)) return message;
  if (branches.length === 0) return 'fits more than one of the forms its schema allows, and must fit one';
  const isOfAnotherType = branches.every(
    (branch) => branch.keyword === 'type' && branch.instancePath === error.instancePath,
  );
  if (isOfAnotherType) return `must be ${branches.map(({ params: { type } }) => String(type)).join(' or ')}`;
  return `fits none of the forms its schema allows (${branches.slice(0, 6).map(sentenceOf).join('; ')})`;
}

function unknownPropertyOf({ params }: ErrorObject): string | undefined {
  const { additionalProperty, unevaluatedProperty } = params as Record<string, unknown>;
  const unknown = additionalProperty ?? unevaluatedProperty;
  return typeof unknown === 'string' ? unknown : undefined;
}

const quoted = (path: readonly string[]): string => `"${path.map(shown).join('.')}"`;

const unescapePointer = (part: string): string => part.replaceAll('~1', '/').replaceAll('~0', '~');

/** The most similar name, when one is similar enough. */
export function nearestName(given: string, names: readonly string[]): string | undefined {
  if (names.length === 0 || given.length > LONGEST_NAME) return undefined;
  const name = closest(
    given.toLowerCase(),
    names.map((each) => each.toLowerCase()),
  );
  const found = names.find((each) => each.toLowerCase() === name);
  return distance(given.toLowerCase(), name) <=
    (given.length < 4 ? 1 : Math.max(2, Math.floor(given.length / 3)))
    ? found
    : undefined;
}

/** The valid names in place of an unknown one, as the end of a sentence. */
export function validNames(given: string, names: readonly string[]): string {
  if (names.length === 0) return 'it takes none';
  const near = nearestName(given, names);
  const more = names.length > MOST_NAMES ? ` and ${names.length - MOST_NAMES} more` : '';
  const list = `${names.slice(0, MOST_NAMES).join(', ')}${more}`;
  return near === undefined ? `the names are ${list}` : `did you mean "${near}"? The names are ${list}`;
}

/** A name shortened for a sentence. */
export const shown = (name: string): string =>
  name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME)}…` : name;
