import { applyDecorators } from '@nestjs/common';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

const URL_WITH_SCHEME = { require_protocol: true, require_tld: false };
/** An address to build on: what goes before `?` and holds no credentials. */
export const WEB_URL = {
  ...URL_WITH_SCHEME,
  protocols: ['http', 'https'],
  disallow_auth: true,
  allow_query_components: false,
  allow_fragments: false,
};
/** Its credentials are part of it. */
export const REDIS_URL = { ...URL_WITH_SCHEME, protocols: ['redis', 'rediss'] };
export const RUNTIME_BASE = /\/api\/v1\/?$/;
export const ORIGIN = /^https?:\/\/[^/\s]+$/;
export const HOST = /^[^/\s]+$/;
/** As long as the longest key the runtime hands out, and of letters that survive a header. */
export const INTEGRATION_KEY = /^sk-[A-Za-z0-9_-]{20,200}$/;
export const DAY_LIMIT = 3650;
export const HOUR_MS = 3_600_000;

export const WholeNumber = (min: number, max: number = Number.MAX_SAFE_INTEGER): PropertyDecorator =>
  applyDecorators(IsInt(), Min(min), Max(max));

/** May be left out; what is given keeps the rules. */
export const Optional = (...rules: PropertyDecorator[]): PropertyDecorator =>
  applyDecorators(IsOptional(), ...rules);
