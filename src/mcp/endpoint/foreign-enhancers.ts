import type { INestApplication, Type } from '@nestjs/common';
import { GUARDS_METADATA } from '@nestjs/common/constants.js';
import { ApplicationConfig, MetadataScanner, ModulesContainer } from '@nestjs/core';
import { PATTERN_METADATA } from '@nestjs/microservices/constants.js';

import { PermissionGuard } from '../auth/index.js';
import { globalEnhancers, type KnownClasses } from './global-enhancers.js';

const scanner = new MetadataScanner();

/** Whether an exception may be thrown around a tool outside our interceptor: by a foreign guard or global class. */
export const hasOtherEnhancers = (app: INestApplication, known: KnownClasses): boolean =>
  globalEnhancers(app.get(ApplicationConfig), known).length > 0 || hasOtherGuards(app.get(ModulesContainer));

/** Whether a foreign guard is on a tool, or on a class that has tools. */
const hasOtherGuards = (modules: ModulesContainer): boolean =>
  [...modules.values()]
    .flatMap(({ controllers }) => [...controllers.values()])
    .some(({ metatype }) => guardsAround(metatype as Type).some((guard) => guard !== PermissionGuard));

function guardsAround(controller: Type): unknown[] {
  const prototype = controller.prototype as Record<string, object>;
  const tools = scanner
    .getAllMethodNames(prototype)
    .map((name) => prototype[name] as object)
    .filter((method) => Reflect.hasMetadata(PATTERN_METADATA, method));
  const guarded = tools.length > 0 ? [controller, ...tools] : [];
  return guarded.flatMap((each) => (Reflect.getMetadata(GUARDS_METADATA, each) ?? []) as unknown[]);
}
