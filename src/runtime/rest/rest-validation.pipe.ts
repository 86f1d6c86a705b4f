import {
  type ArgumentMetadata,
  BadRequestException,
  Injectable,
  type PipeTransform,
  type Type,
} from '@nestjs/common';
import { plainToInstance } from 'class-transformer';
import { getMetadataStorage, validate, type ValidationError } from 'class-validator';

/** The class of a body or query; `elsewhere` says where what does not belong into it may belong. */
export type Dto = Type<object> & { readonly elsewhere?: string };

const NAME_SHOWN = 60;
const NAMES_SHOWN = 5;

/**
 * Validates bodies and queries by their DTO class; 400 names the field and the rule it broke. A field that the class
 * does not have is refused: ignored, it would start work with other arguments than the caller meant.
 */
@Injectable()
export class RestValidationPipe implements PipeTransform<unknown, Promise<unknown>> {
  async transform(value: unknown, { type, metatype }: ArgumentMetadata): Promise<unknown> {
    if ((type !== 'body' && type !== 'query') || metatype === undefined) return value;
    const dto = metatype as Dto;
    if (!isRecord(value)) throw new BadRequestException('The body must be a JSON object.');
    refuseUnknown(value, type, dto);
    // A query is flat text. What is nested in a body is not walked through: it is for others to check.
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

/** Refuses what a query or a body holds beside the fields of its class. */
export function refuseUnknown(value: object, type: 'body' | 'query', dto: Dto): void {
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

/** The names of every property that has a rule. */
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
