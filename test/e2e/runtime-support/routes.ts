import type { NestExpressApplication } from '@nestjs/platform-express';

/** A route as Express has it. */
export interface Route {
  readonly method: string;
  /** With its parameters, `/api/v1/r/tasks/:id` for example. */
  readonly path: string;
}

interface Layer {
  readonly route?: { readonly path: string; readonly methods: Readonly<Record<string, boolean>> };
}

/** Every route of an application, so that a test of all of them covers those of tomorrow. */
export function routesOf(app: NestExpressApplication): Route[] {
  const express = app.getHttpAdapter().getInstance() as unknown as { router: { stack: readonly Layer[] } };
  return express.router.stack.flatMap(({ route }) =>
    Object.keys(route?.methods ?? {}).map((method) => ({
      method: method.toUpperCase(),
      path: route?.path ?? '',
    })),
  );
}

/** A path of the route, with a value in place of each parameter. */
export const pathOf = ({ path }: Route, values: Readonly<Record<string, string>>): string =>
  path.replaceAll(/[{]?[:*](\w+)[}]?/g, (match, name: string) => values[name] ?? match);
