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

/** What every one of them says. */
export const OBJECTION = 'not on Sundays';

/** Lets HTTP requests pass, so that what it says is said of a tool. */
@Injectable()
class Objects implements CanActivate, NestInterceptor {
  canActivate(context: ExecutionContext): true {
    if (context.getType() !== 'http') throw new ForbiddenException(OBJECTION);
    return true;
  }

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    this.canActivate(context);
    return next.handle();
  }
}

const asTool = Tool({ name: 'objected', description: 'Meets with an objection' });

@McpController()
class Throws {
  @asTool
  run(): never {
    throw new ForbiddenException(OBJECTION);
  }
}

@McpController()
class GuardedTool {
  @UseGuards(Objects)
  @asTool
  run(): object {
    return {};
  }
}

@UseGuards(Objects)
@McpController()
class GuardedClass {
  @asTool
  run(): object {
    return {};
  }
}

@McpController()
class WithInterceptor {
  @UseInterceptors(Objects)
  @asTool
  run(): object {
    return {};
  }
}

const refusing = {
  transform(): never {
    throw new ForbiddenException(OBJECTION);
  },
};

@McpController()
class WithPipe {
  @UsePipes(refusing)
  @Tool({ name: 'objected', description: 'Meets with an objection', parameters: z.object({}) })
  run(@Payload() input: object): object {
    return input;
  }
}

@McpController({ scope: Scope.REQUEST })
@UseGuards(Objects)
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
@UseGuards(Objects)
@McpController()
class GuardedHeir extends Unguarded {}

@Module({ controllers: [Unguarded], providers: [{ provide: APP_GUARD, useClass: Objects }] })
class GlobalGuard {}

@Module({ controllers: [Unguarded], providers: [{ provide: APP_INTERCEPTOR, useClass: Objects }] })
class GlobalInterceptor {}

@Module({
  controllers: [Unguarded],
  providers: [{ provide: APP_GUARD, useClass: Objects, scope: Scope.REQUEST }],
})
class GlobalGuardPerRequest {}

const moduleOf = (controller: Type): Type => {
  @Module({ controllers: [controller] })
  class Lone {}
  return Lone;
};

/** Modules with one tool `objected` each, by who objects to a call of it; nobody else is there. */
export const OBJECTORS: readonly (readonly [who: string, module: Type])[] = [
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
