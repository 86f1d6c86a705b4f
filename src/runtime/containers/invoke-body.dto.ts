import { validateHeaderName, validateHeaderValue } from 'node:http';

import {
  IsIn,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  registerDecorator,
  type ValidationArguments,
} from 'class-validator';

import { INVOKE_HEADERS_LIMIT, INVOKE_METHODS, INVOKE_PATH, sizeOfHeaders } from '../../contract/index.js';

const BASE64 = /^(?:[0-9A-Za-z+/]{4})*(?:[0-9A-Za-z+/]{2}==|[0-9A-Za-z+/]{3}=)?$/;

/** A call of a service, packed into one JSON document. */
export class InvokeBodyDto {
  @IsIn(INVOKE_METHODS, { message: `method must be one of ${INVOKE_METHODS.join(', ')}` })
  readonly method!: (typeof INVOKE_METHODS)[number];

  @IsString()
  @MaxLength(8192)
  @Matches(INVOKE_PATH, { message: 'path must begin with one "/" and name no host, as in /v1/items?limit=5' })
  readonly path!: string;

  @IsOptional()
  @IsString()
  @Matches(BASE64, { message: 'body_base64 must be base64 with padding' })
  readonly body_base64?: string;

  @IsOptional()
  @IsObject()
  @AreHeaders()
  readonly headers?: Record<string, string>;
}

/** Every name and value is a text that can be sent as an HTTP header. */
function AreHeaders(): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'areHeaders',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: (value: unknown) =>
          typeof value === 'object' &&
          value !== null &&
          Object.entries(value).every(isHeader) &&
          sizeOfHeaders(value as Record<string, unknown>) <= INVOKE_HEADERS_LIMIT,
        defaultMessage: ({ property }: ValidationArguments) =>
          `${property} must map header names to single texts, as in {"Content-Type": "application/json"}, with at most ${INVOKE_HEADERS_LIMIT} bytes in all`,
      },
    });
  };
}

function isHeader([name, value]: [string, unknown]): boolean {
  try {
    validateHeaderName(name);
    validateHeaderValue(name, value as string);
    return typeof value === 'string';
  } catch {
    return false;
  }
}
