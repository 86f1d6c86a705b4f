import { errorText } from '../config/index.js';

/** Credentials of every family, but not the beginning of one that is shown as such, JWTs, and what makes a link open. */
const SECRETS =
  /\b([sda]k-)(?![\w-]{9}…)[\w.~+/-]{6,}|\b(eyJ)[\w-]+\.[\w-]+\.[\w-]*|(X-Amz-(?:Signature|Credential|Security-Token)=|\/api\/v1\/(?:links|uploads)\/)[^&/?\s"']+/g;
const DEPTH_LIMIT = 6;

/**
 * A copy of a value that is about to be logged, without credentials. No code should log any; this covers exceptions of
 * third parties that contain some.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return withoutSecrets(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= DEPTH_LIMIT) return '[deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, redact(inner, depth + 1)]));
}

const withoutSecrets = (text: string): string =>
  text.replace(
    SECRETS,
    (_match, key?: string, jwt?: string, link?: string) => `${key ?? jwt ?? link ?? ''}…`,
  );

function redactError(error: Error, depth: number): object {
  const { name, stack, cause } = error;
  return {
    name,
    message: withoutSecrets(errorText(error)),
    stack: stack === undefined ? undefined : withoutSecrets(stack),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  };
}
