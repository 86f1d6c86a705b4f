import {
  type CallHandler,
  Catch,
  Controller,
  type ExecutionContext,
  Get,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestMiddleware,
  type NestModule,
  RequestMethod,
  Scope,
  type Type,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import type { Observable } from 'rxjs';

/** What the bystanders saw of requests over HTTP; each test starts a new list. */
export const seen: string[] = [];

type Next = () => void;

/** Does the work of every kind, and changes nothing. */
@Injectable()
export class Bystander {
  canActivate(context: ExecutionContext): boolean {
    if (context.getType() === 'http') seen.push('guard');
    return true;
  }

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    if (context.getType() === 'http') seen.push('interceptor');
    return next.handle();
  }

  transform(value: unknown): unknown {
    return value;
  }
}

@Catch(RangeError)
export class BystandingFilter {
  catch(error: RangeError): void {
    throw error;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestBystander extends Bystander {}

@Injectable({ scope: Scope.REQUEST })
class RequestBystandingFilter extends BystandingFilter {}

const moduleWith = (provide: string, useClass: Type): Type => {
  @Module({ providers: [{ provide, useClass }] })
  class BystandersModule {}
  return BystandersModule;
};

@Injectable()
class BystandingMiddleware implements NestMiddleware {
  use(_request: unknown, _response: unknown, next: Next): void {
    seen.push('middleware');
    next();
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestBystandingMiddleware extends BystandingMiddleware {}

export function bystandingFunction(_request: unknown, _response: unknown, next: Next): void {
  seen.push('middleware');
  next();
}

type Where = Parameters<ReturnType<MiddlewareConsumer['apply']>['forRoutes']>[0];

const onRoute = (where: Where, middleware: object = BystandingMiddleware): Type => {
  @Module({})
  class BystandersModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer
        .apply(middleware as Type)
        .exclude('health/*path')
        .forRoutes(where);
    }
  }
  return BystandersModule;
};

@Controller('*path')
class EverywhereController {
  @Get()
  answer(): string {
    return 'everywhere';
  }
}

@Module({ controllers: [EverywhereController] })
class EverywhereModule {}

/** A way to register something that is on the MCP path, the name the log must give it, and what it sees of a POST. */
interface Registration {
  readonly what: string;
  readonly named: string;
  readonly sees: readonly string[];
  readonly module: Type;
}

const provided = (what: string, token: string, useClass: Type, sees: string[] = []): Registration => {
  return {
    what,
    named: `global ${token.split('_')[1]?.toLowerCase()} ${useClass.name}`,
    sees,
    module: moduleWith(token, useClass),
  };
};

const middleware = (
  what: string,
  where: Where,
  applied: { name: string } = BystandingMiddleware,
): Registration => {
  const named = `${applied === bystandingFunction ? 'function' : applied.name} of BystandersModule`;
  return { what, named, sees: ['middleware'], module: onRoute(where, applied) };
};

/** Modules that have a say on the MCP path. */
export const ON_THE_PATH: readonly Registration[] = [
  provided('APP_GUARD', APP_GUARD, Bystander, ['guard']),
  provided('APP_INTERCEPTOR', APP_INTERCEPTOR, Bystander, ['interceptor']),
  provided('APP_PIPE', APP_PIPE, Bystander),
  provided('APP_FILTER', APP_FILTER, BystandingFilter),
  provided('APP_GUARD for each request', APP_GUARD, RequestBystander, ['guard']),
  provided('APP_INTERCEPTOR for each request', APP_INTERCEPTOR, RequestBystander, ['interceptor']),
  provided('APP_PIPE for each request', APP_PIPE, RequestBystander),
  provided('APP_FILTER for each request', APP_FILTER, RequestBystandingFilter),
  middleware('middleware for every path', '{*path}'),
  middleware('middleware for the path', 'mcp'),
  middleware('middleware for its POST', { path: 'mcp', method: RequestMethod.POST }),
  middleware('middleware for a pattern', ':area'),
  middleware('middleware for each request', '{*path}', RequestBystandingMiddleware),
  middleware('a function as middleware', '{*path}', bystandingFunction),
];

/** Modules that have none. */
export const BESIDE_THE_PATH: readonly Type[] = [
  onRoute('r/*path'),
  onRoute({ path: 'mcp/more', method: RequestMethod.ALL }),
  // Registered behind ours, so it never gets an MCP request either way.
  EverywhereModule,
];
