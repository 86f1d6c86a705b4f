import {
  type CallHandler,
  Catch,
  type ExecutionContext,
  Injectable,
  type MiddlewareConsumer,
  Module,
  type NestMiddleware,
  type NestModule,
  Scope,
  type Type,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import type { Observable } from 'rxjs';

/** What the enhancers saw of requests over HTTP; each test starts a new list. */
export const seen: string[] = [];

/** Guard, interceptor and pipe that change nothing. */
@Injectable()
export class NoOpEnhancer {
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
export class NoOpFilter {
  catch(error: RangeError): void {
    throw error;
  }
}

@Injectable({ scope: Scope.REQUEST })
class RequestEnhancer extends NoOpEnhancer {}

@Injectable({ scope: Scope.REQUEST })
class RequestFilter extends NoOpFilter {}

const moduleWith = (provide: string, useClass: Type): Type => {
  @Module({ providers: [{ provide, useClass }] })
  class EnhancerModule {}
  return EnhancerModule;
};

@Injectable()
class NoOpMiddleware implements NestMiddleware {
  use(_request: unknown, _response: unknown, next: () => void): void {
    seen.push('middleware');
    next();
  }
}

@Module({})
export class MiddlewareModule implements NestModule {
  configure(consumer: MiddlewareConsumer): void {
    consumer.apply(NoOpMiddleware).forRoutes('{*path}');
  }
}

/** A module with one global class, its name in messages, and what it sees of a POST. */
interface GlobalEnhancer {
  readonly what: string;
  readonly named: string;
  readonly sees: readonly string[];
  readonly module: Type;
}

const provided = (what: string, token: string, useClass: Type, sees: string[] = []): GlobalEnhancer => ({
  what,
  named: `the global ${token.split('_')[1]?.toLowerCase()} ${useClass.name}`,
  sees,
  module: moduleWith(token, useClass),
});

export const GLOBAL_ENHANCERS: readonly GlobalEnhancer[] = [
  provided('APP_GUARD', APP_GUARD, NoOpEnhancer, ['guard']),
  provided('APP_INTERCEPTOR', APP_INTERCEPTOR, NoOpEnhancer, ['interceptor']),
  provided('APP_PIPE', APP_PIPE, NoOpEnhancer),
  provided('APP_FILTER', APP_FILTER, NoOpFilter),
  provided('request-scoped APP_GUARD', APP_GUARD, RequestEnhancer, ['guard']),
  provided('request-scoped APP_INTERCEPTOR', APP_INTERCEPTOR, RequestEnhancer, ['interceptor']),
  provided('request-scoped APP_PIPE', APP_PIPE, RequestEnhancer),
  provided('request-scoped APP_FILTER', APP_FILTER, RequestFilter),
];
