import type { Type } from '@nestjs/common';
import type { ApplicationConfig } from '@nestjs/core';

/** Classes that do nothing on the MCP path. */
export type KnownClasses = ReadonlySet<unknown>;

/** The global guards, interceptors, pipes and filters besides the known ones, each by kind and class. */
export function globalEnhancers(config: ApplicationConfig, known: KnownClasses): string[] {
  return globalsOf(config).flatMap(([kind, classes]) =>
    classes.filter((each) => !known.has(each)).map((each) => `the global ${kind} ${nameOf(each)}`),
  );
}

type Named = Type<unknown> | { readonly name?: unknown } | null | undefined;

const globalsOf = (config: ApplicationConfig): (readonly [kind: string, classes: Named[]])[] => [
  ['guard', classesOf(config.getGlobalGuards(), config.getGlobalRequestGuards())],
  ['interceptor', classesOf(config.getGlobalInterceptors(), config.getGlobalRequestInterceptors())],
  ['pipe', classesOf(config.getGlobalPipes(), config.getGlobalRequestPipes())],
  ['filter', classesOf(config.getGlobalFilters(), config.getGlobalRequestFilters())],
];

/** Request-scoped classes are known by their wrappers; no instance exists yet. */
const classesOf = (
  instances: readonly (object | null | undefined)[],
  recipes: readonly { readonly metatype: unknown; readonly name: unknown }[],
): Named[] => [
  // Nest also skips a factory that returns nothing.
  ...instances.flatMap((instance) => (instance ? [instance.constructor as Type<unknown>] : [])),
  ...recipes.map((recipe) => (recipe.metatype ?? recipe) as Named),
];

const nameOf = (each: Named): string => {
  const name = each?.name;
  return typeof name === 'string' && name !== '' ? name : 'without a name';
};
