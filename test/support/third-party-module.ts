import {
  type ArgumentsHost,
  BadRequestException,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExceptionFilter,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  Module,
  type NestInterceptor,
  UseGuards,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { Ctx, Payload } from '@nestjs/microservices';
import {
  McpContext,
  McpController,
  Prompt,
  Resource,
  ResourceTemplate,
  Tool,
  ToolScopes,
} from '@rekog/mcp-nest';
import { acceptedContent, inputRequired } from '@modelcontextprotocol/server';
import { IsInt, IsString, Max, MinLength } from 'class-validator';
import { type Observable, of, tap } from 'rxjs';
import { z } from 'zod';

import { advertised } from '../../src/mcp/index.js';

/** What the third-party guard, interceptor and filter saw; each test starts a new list. */
export const witnessed: string[] = [];

@Injectable()
class ThirdPartyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    witnessed.push(`guard ${context.getType()}`);
    const request = context.getType() === 'http' ? context.switchToHttp().getRequest() : undefined;
    return request?.headers['x-third-party'] !== 'no';
  }
}

@Injectable()
class ThirdPartyInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    witnessed.push(`interceptor ${context.getType()}`);
    return next
      .handle()
      .pipe(tap({ error: (error: Error) => witnessed.push(`error ${error.constructor.name}`) }));
  }
}

class ThirdPartyError extends Error {}

@Catch(ThirdPartyError)
class ThirdPartyFilter implements ExceptionFilter<ThirdPartyError> {
  catch(_error: ThirdPartyError, host: ArgumentsHost): Observable<unknown> {
    witnessed.push(`filter ${host.getType()}`);
    return of({ from: 'the third-party filter' });
  }
}

/** A filter as one writes it for HTTP alone, which breaks in any other context. */
@Catch(RangeError)
class HttpOnlyFilter implements ExceptionFilter<RangeError> {
  catch(_error: RangeError, host: ArgumentsHost): void {
    host.switchToHttp().getResponse().status(418).json({ teapot: true });
  }
}

@Injectable()
class Denies implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@Injectable()
class DeniesWithWords implements CanActivate {
  canActivate(): boolean {
    throw new ForbiddenException('not on Sundays');
  }
}

class OrderDto {
  @IsString()
  @MinLength(3)
  name!: string;

  @IsInt()
  @Max(10)
  amount!: number;
}

/** Tools written with stock decorators and nothing of ours. */
@McpController()
class ThirdPartyTools {
  @Tool({
    name: 'stock',
    description: 'Stock zod',
    parameters: z.object({ n: z.number().int().default(2) }),
    outputSchema: z.object({ n: z.number() }),
  })
  stock(@Payload() { n }: { n: number }): object {
    return { n, secret: 'is not in the schema' };
  }

  @Tool({
    name: 'raw_schema',
    description: 'Raw JSON Schema',
    parameters: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] },
  })
  rawSchema(@Payload() { n }: { n: number }): object {
    return { n };
  }

  @Tool({
    name: 'wrong_output',
    description: 'Breaks its own promise',
    outputSchema: z.object({ n: z.number() }),
  })
  wrongOutput(): object {
    return { n: 'hunter2' };
  }

  @Tool({ name: 'order', description: 'A DTO', parameters: advertised(z.looseObject({})) })
  @UsePipes(new ValidationPipe({ transform: true }))
  order(@Payload() { name, amount }: OrderDto): object {
    return { name, amount };
  }

  @Tool({ name: 'text', description: 'Returns a text' })
  text(): string {
    return 'plain';
  }

  @Tool({ name: 'content', description: 'Returns content' })
  content(): object {
    return { content: [{ type: 'text', text: 'as I made it' }] };
  }

  @Tool({ name: 'own_error', description: 'Throws what its filter knows' })
  ownError(): never {
    throw new ThirdPartyError('for the filter');
  }

  @Tool({ name: 'http_filter', description: 'Throws what a filter for HTTP takes' })
  httpFilter(): never {
    throw new RangeError('password=hunter2');
  }

  @Tool({ name: 'bad_request', description: 'Throws an HTTP exception' })
  badRequest(): never {
    throw new BadRequestException('amount must be even');
  }

  @UseGuards(Denies)
  @Tool({ name: 'denied', description: 'Behind a guard' })
  denied(): object {
    return {};
  }

  @UseGuards(DeniesWithWords)
  @Tool({ name: 'denied_with_words', description: 'Behind a guard that talks' })
  deniedWithWords(): object {
    return {};
  }

  @ToolScopes(['admin'])
  @Tool({ name: 'scoped', description: 'For those with a scope' })
  scoped(): object {
    return {};
  }

  @Tool({ name: 'ask', description: 'Asks the client' })
  async ask(@Ctx() context: McpContext): Promise<object> {
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } } as const;
    const related = { relatedRequestId: context.getArgByIndex(4).mcpReq.id };
    const { content } = await context.mcpServer.server.elicitInput(
      { message: 'Who?', requestedSchema },
      related,
    );
    return { name: content?.['name'] };
  }

  @Tool({ name: 'ask_in_rounds', description: 'Asks by its result' })
  askInRounds(@Ctx() context: McpContext): object {
    const { inputResponses } = context.getArgByIndex(4).mcpReq;
    const told = acceptedContent<{ name: string }>(inputResponses, 'who');
    if (told) return { name: told.name };
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } } as const;
    return inputRequired({
      inputRequests: { who: inputRequired.elicit({ message: 'Who?', requestedSchema }) },
    });
  }

  @Tool({ name: 'report_then_ask', description: 'Reports progress, then asks by its result' })
  async reportThenAsk(@Ctx() context: McpContext): Promise<object> {
    await context.reportProgress({ progress: 1, total: 2 });
    return this.askInRounds(context);
  }

  @Tool({ name: 'chatty', description: 'Logs to the client' })
  chatty(@Ctx() context: McpContext): object {
    context.log.info('on my way');
    return { done: true };
  }

  @Resource({ name: 'motto', uri: 'test://motto', description: 'A motto', mimeType: 'text/plain' })
  motto(): object {
    return { contents: [{ uri: 'test://motto', mimeType: 'text/plain', text: 'onwards' }] };
  }

  @ResourceTemplate({ name: 'item', uriTemplate: 'test://item/{id}', description: 'An item' })
  item(@Payload() { id, uri }: { id: string; uri: string }): object {
    return { contents: [{ uri, mimeType: 'text/plain', text: `item ${id}` }] };
  }

  @Prompt({ name: 'greet', description: 'A greeting', parameters: z.object({ name: z.string() }) })
  greet(@Payload() { name }: { name: string }): object {
    return { messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}` } }] };
  }
}

/** A domain written for Nest and mcp-nest, without our own decorators. */
@Module({
  controllers: [ThirdPartyTools],
  providers: [
    { provide: APP_GUARD, useClass: ThirdPartyGuard },
    { provide: APP_INTERCEPTOR, useClass: ThirdPartyInterceptor },
    { provide: APP_FILTER, useClass: ThirdPartyFilter },
    { provide: APP_FILTER, useClass: HttpOnlyFilter },
  ],
})
export class ThirdPartyModule {}
