import { validateHeaderName, validateHeaderValue } from 'node:http';

import {
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  Matches,
  MaxLength,
  Min,
  ValidateBy,
} from 'class-validator';

import { INVOKE_HEADERS_LIMIT, INVOKE_METHODS, INVOKE_PATH, sizeOfHeaders } from '../../contract/index.js';

/** A call of a service as one JSON document. */
export class InvokeBodyDto {
  @IsIn(INVOKE_METHODS, { message: `method must be one of ${INVOKE_METHODS.join(', ')}` })
  readonly method!: (typeof INVOKE_METHODS)[number];

  @IsString()
  @MaxLength(8192)
  @Matches(INVOKE_PATH, { message: 'path must begin with one "/" and name no host, as in /v1/items?limit=5' })
  readonly path!: string;

  @IsOptional()
  @IsPaddedBase64()
  readonly body_base64?: string;

  @IsOptional()
  @IsObject()
  @AreHeaders()
  readonly headers?: Record<string, string>;

  /** Bytes of a body above which it is stored for an hour and linked. */
  @IsOptional()
  @IsInt()
  @Min(0)
  readonly link_above?: number;

  /** The same for an image that models are shown; without it `link_above` counts. */
  @IsOptional()
  @IsInt()
  @Min(0)
  readonly link_images_above?: number;
}

/** Checked by decoding: a regular expression overflows the stack on megabytes. */
function IsPaddedBase64(): PropertyDecorator {
  return ValidateBy({
    name: 'isPaddedBase64',
    validator: {
      validate: (value: unknown) => typeof value === 'string' && isPaddedBase64(value),
      defaultMessage: () => '$property must be base64 with padding',
    },
  });
}

/**
 * Node skips invalid characters, so that the result is shorter than expected; base64url and non-ASCII characters, which
 * it accepts, are excluded first.
 */
function isPaddedBase64(text: string): boolean {
  if (text.length % 4 !== 0 || text.includes('-') || text.includes('_')) return false;
  if (Buffer.byteLength(text) !== text.length) return false;
  const padding = text.endsWith('==') ? 2 : Number(text.endsWith('='));
  return Buffer.from(text, 'base64').length === (text.length / 4) * 3 - padding;
}

/** Every name and value can be sent as an HTTP header. */
function AreHeaders(): PropertyDecorator {
  return ValidateBy({
    name: 'areHeaders',
    validator: {
      validate: (value: unknown) =>
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).every(isHeader) &&
        sizeOfHeaders(value as Record<string, unknown>) <= INVOKE_HEADERS_LIMIT,
      defaultMessage: () =>
        `$property must map header names to single texts, as in {"Content-Type": "application/json"}, with at most ${INVOKE_HEADERS_LIMIT} bytes in all`,
    },
  });
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
