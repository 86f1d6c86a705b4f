import {
  type CallHandler,
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  Module,
  type NestInterceptor,
  Scope,
  type Type,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { Payload } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';
import type { Observable } from 'rxjs';
import { z } from 'zod';

/** The reason that each of them gives. */
export const REJECTION = 'not on Sundays';

/** Lets HTTP requests pass, so that it rejects tools only. */
@Injectable()
class Rejects implements CanActivate, NestInterceptor {
  canActivate(context: ExecutionContext): true {
    if (context.getType() !== 'http') throw new ForbiddenException(REJECTION);
    return true;
  }

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    this.canActivate(context);
    return next.handle();
  }
}

const asTool = Tool({ name: 'rejected', description: 'Is rejected' });

@McpController()
class Throws {
  @asTool
  run(): never {
    throw new ForbiddenException(REJECTION);
  }
}

@McpController()
class GuardedTool {
  @UseGuards(Rejects)
  @asTool
  run(): object {
    return {};
  }
}

@UseGuards(Rejects)
@McpController()
class GuardedClass {
  @asTool
  run(): object {
    return {};
  }
}

@McpController()
class WithInterceptor {
  @UseInterceptors(Rejects)
  @asTool
  run(): object {
    return {};
  }
}

const rejecting = {
  transform(): never {
    throw new ForbiddenException(REJECTION);
  },
};

@McpController()
class WithPipe {
  @UsePipes(rejecting)
  @Tool({ name: 'rejected', description: 'Is rejected', parameters: z.object({}) })
  run(@Payload() input: object): object {
    return input;
  }
}

@McpController({ scope: Scope.REQUEST })
@UseGuards(Rejects)
class PerRequest {
  @asTool
  run(): object {
    return {};
  }
}

@McpController()
class Unguarded {
  @asTool
  run(): object {
    return {};
  }
}

/** The tool is in a class above. */
@UseGuards(Rejects)
@McpController()
class GuardedHeir extends Unguarded {}

@Module({ controllers: [Unguarded], providers: [{ provide: APP_GUARD, useClass: Rejects }] })
class GlobalGuard {}

@Module({ controllers: [Unguarded], providers: [{ provide: APP_INTERCEPTOR, useClass: Rejects }] })
class GlobalInterceptor {}

@Module({
  controllers: [Unguarded],
  providers: [{ provide: APP_GUARD, useClass: Rejects, scope: Scope.REQUEST }],
})
class GlobalGuardPerRequest {}

const moduleOf = (controller: Type): Type => {
  @Module({ controllers: [controller] })
  class Lone {}
  return Lone;
};

/** Modules with one tool `rejected` each, by the enhancer that rejects a call of it, without other enhancers. */
export const REJECTING_MODULES: readonly (readonly [who: string, module: Type])[] = [
  ['the tool itself', moduleOf(Throws)],
  ['a guard on the tool', moduleOf(GuardedTool)],
  ['a guard on its class', moduleOf(GuardedClass)],
  ['a guard on a class that inherits the tool', moduleOf(GuardedHeir)],
  ['a guard on a class made for each request', moduleOf(PerRequest)],
  ['an interceptor on the tool', moduleOf(WithInterceptor)],
  ['a pipe', moduleOf(WithPipe)],
  ['a global guard', GlobalGuard],
  ['a global guard made for each request', GlobalGuardPerRequest],
  ['a global interceptor', GlobalInterceptor],
];
