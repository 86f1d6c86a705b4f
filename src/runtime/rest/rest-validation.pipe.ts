import {
  type ArgumentMetadata,
  BadRequestException,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
  type Type,
  UseInterceptors,
} from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, isUUID, validate, type ValidationError } from 'class-validator';
import type { Request } from 'express';
import type { Observable } from 'rxjs';

/** The class of a body or query; `elsewhere` is a hint where unknown fields may belong. */
type Dto = Type<object> & { readonly elsewhere?: string };

const NAME_SHOWN = 60;
const NAMES_SHOWN = 5;

/**
 * Validates bodies and queries by their DTO class; 400 names the field and the violated rule. Unknown fields are
 * rejected: ignoring them could start work with other arguments than intended.
 */
@Injectable()
export class RestValidationPipe implements PipeTransform<unknown, Promise<unknown>> {
  async transform(value: unknown, { type, metatype }: ArgumentMetadata): Promise<unknown> {
    if ((type !== 'body' && type !== 'query') || metatype === undefined) return value;
    const dto = metatype as Dto;
    if (!isRecord(value)) throw new BadRequestException('The body must be a JSON object.');
    rejectUnknown(value, type, dto);
    // A query is flat. Nested values of a body are not transformed: other code validates them.
    const checked = type === 'query' ? plainToInstance(dto, value) : Object.assign(new dto(), value);
    const problems = await validate(checked, {
      forbidUnknownValues: false,
      validationError: { target: false, value: false },
    });
    if (problems.length > 0) throw new BadRequestException(firstRule(problems));
    return checked;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws {BadRequestException} when a query or a body has unknown fields. */
function rejectUnknown(value: object, type: 'body' | 'query', dto: Dto): void {
  const fields = fieldsOf(dto);
  const unknown = Object.keys(value).filter((name) => !fields.has(name));
  if (unknown.length === 0) return;
  const names = unknown.slice(0, NAMES_SHOWN).map((name) => `"${name.slice(0, NAME_SHOWN)}"`);
  const what = type === 'body' ? 'the body' : 'the query';
  const taken = fields.size === 0 ? 'which takes none' : `which takes ${[...fields].join(', ')}`;
  const verb = unknown.length === 1 ? 'is not a field' : 'are not fields';
  const elsewhere = type === 'body' && dto.elsewhere !== undefined ? ` ${dto.elsewhere}` : '';
  throw new BadRequestException(`${names.join(', ')} ${verb} of ${what}, ${taken}.${elsewhere}`);
}

/** The names of the properties with validation rules. */
function fieldsOf(dto: Dto): ReadonlySet<string> {
  const rules = getMetadataStorage().getTargetValidationMetadatas(dto, '', false, false);
  return new Set(rules.map(({ propertyName }) => propertyName));
}

function firstRule(problems: ValidationError[]): string {
  const [problem] = problems;
  if (!problem) return 'the request is not valid';
  const rule = Object.values(problem.constraints ?? {})[0];
  return rule ?? firstRule(problem.children ?? []);
}

/** An empty query or body: any field is rejected by name. */
export class NoFieldsDto {}

class NoQueryInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    rejectUnknown(context.switchToHttp().getRequest<Request>().query, 'query', NoFieldsDto);
    return next.handle();
  }
}

/** The route takes no query: any parameter is rejected by name, after authentication. */
export const NoQuery = (): MethodDecorator => UseInterceptors(new NoQueryInterceptor());

/** Validates a path parameter as a UUID. */
export class IdPipe implements PipeTransform<string, string> {
  constructor(private readonly name: string) {}

  transform(value: string): string {
    if (isUUID(value)) return value.toLowerCase();
    throw new BadRequestException(`${this.name} must be a UUID`);
  }
}
