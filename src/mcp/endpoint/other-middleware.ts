import type { INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';

import { HttpChecksMiddleware } from '../http/index.js';
import { isIdle, type Layer, type Road } from './express-road.js';

/** Nest calls every middleware of a module so, whatever its class. */
const OF_A_MODULE = 'handler';
/** The name of the class that Nest makes of a function. */
const MADE_UP = /^[\da-f]{21}$/;

/** What runs on the road besides {@link HttpChecksMiddleware}, by name. */
export function otherMiddleware({ path, before }: Road, app: INestApplication): string[] {
  const names = before.filter((layer) => !isIdle(layer, app.getHttpAdapter() as object)).map(nameOf);
  const ofModules = names.filter((name) => name === OF_A_MODULE);
  const others = names.filter((name) => name !== OF_A_MODULE).map((name) => `the middleware ${name}`);
  // One of them is ours.
  return ofModules.length === 1 ? others : [...others, `the middleware ${namesIn(app, path).join(', ')}`];
}

const nameOf = ({ name, route }: Layer): string => {
  const called = route?.stack[0]?.name ?? name;
  return called === '' || called === '<anonymous>' ? 'without a name' : called;
};

interface Configured {
  readonly middleware: readonly { readonly name: string }[];
  readonly forRoutes: readonly { readonly path: string }[];
}

/** As much as is looked at of what Nest keeps for itself. */
interface MiddlewareContainer {
  getConfigurations?(): ReadonlyMap<string, Iterable<Configured>>;
}

/** What modules may have configured for a path. Should Nest keep it elsewhere one day, the names are missing. */
function namesIn(app: INestApplication, path: string): string[] {
  const container = Reflect.get(app, 'middlewareContainer') as MiddlewareContainer | undefined;
  const modules = app.get(ModulesContainer);
  const names = [...(container?.getConfigurations?.() ?? [])].flatMap(([key, configured]) =>
    classesFor(path, configured).map((name) => `${name} of ${modules.get(key)?.name ?? 'a module'}`),
  );
  return names.length > 0 ? names : ['of a module'];
}

const classesFor = (path: string, configured: Iterable<Configured>): string[] =>
  [...configured]
    .filter(({ forRoutes }) => forRoutes.some((route) => path.includes(firstWords(route.path))))
    .flatMap(({ middleware }) => middleware.map(({ name }) => (MADE_UP.test(name) ? 'function' : name)))
    .filter((name) => name !== HttpChecksMiddleware.name);

/** Of a path, what comes before its first pattern. */
const firstWords = (path: string): string => path.split(/[:*{(]/)[0]?.replace(/\/$/, '') ?? '';
