import type { INestApplication, Type } from '@nestjs/common';
import {
  EXCEPTION_FILTERS_METADATA,
  GUARDS_METADATA,
  INTERCEPTORS_METADATA,
} from '@nestjs/common/constants.js';
import { ApplicationConfig, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { PATTERN_METADATA } from '@nestjs/microservices/constants.js';

import { PermissionGuard, RateCostGuard } from '../auth/index.js';
import { unreadInputOf } from '../tools/index.js';

/** Classes that do nothing on the MCP path. */
type KnownClasses = ReadonlySet<unknown>;

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

const scanner = new MetadataScanner();

/** Whether an exception may be thrown around a tool outside our interceptor: by a foreign guard or global class. */
export const hasOtherEnhancers = (app: INestApplication, known: KnownClasses): boolean =>
  globalEnhancers(app.get(ApplicationConfig), known).length > 0 || hasOtherGuards(handlersIn(app));

/**
 * Whether our interceptor would change nothing: no foreign code around a tool sees a value or an error before the
 * ToolRunner does, each tool reads its own input, and our global filter passes errors on, which Nest's would mask.
 */
export function needsNoInterceptor(app: INestApplication, known: KnownClasses): boolean {
  const config = app.get(ApplicationConfig);
  const handlers = handlersIn(app);
  return (
    config.getGlobalFilters().length > 0 &&
    config.getGlobalPreRequestHooks().length === 0 &&
    !hasOtherEnhancers(app, known) &&
    metadataOf(INTERCEPTORS_METADATA, handlers).length === 0 &&
    metadataOf(EXCEPTION_FILTERS_METADATA, handlers).length === 0 &&
    handlers.every(({ methods }) => methods.every((method) => !unreadInputOf(method)))
  );
}

/** A class with tools, resources or prompts. */
interface Handlers {
  readonly controller: object;
  readonly methods: readonly object[];
}

function handlersIn(app: INestApplication): Handlers[] {
  return [...app.get(ModulesContainer).values()]
    .flatMap(({ controllers }) => [...controllers.values()])
    .map(({ metatype }) => ({ controller: metatype as object, methods: methodsOf(metatype as Type) }))
    .filter(({ methods }) => methods.length > 0);
}

function methodsOf({ prototype }: Type): object[] {
  const members = prototype as Record<string, object>;
  return scanner
    .getAllMethodNames(members)
    .map((name) => members[name] as object)
    .filter((method) => Reflect.hasMetadata(PATTERN_METADATA, method));
}

const OURS: ReadonlySet<unknown> = new Set([PermissionGuard, RateCostGuard]);

/** Whether a foreign guard is on a tool, or on a class that has tools. */
const hasOtherGuards = (handlers: readonly Handlers[]): boolean =>
  metadataOf(GUARDS_METADATA, handlers).some((guard) => !OURS.has(guard));

const metadataOf = (key: string, handlers: readonly Handlers[]): unknown[] =>
  handlers
    .flatMap(({ controller, methods }) => [controller, ...methods])
    .flatMap((each) => (Reflect.getMetadata(key, each) ?? []) as unknown[]);
