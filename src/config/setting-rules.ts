import { applyDecorators } from '@nestjs/common';
import { IsInt, IsOptional, Matches, Max, Min, ValidateBy } from 'class-validator';
import { isIP } from 'node:net';

const URL_WITH_SCHEME = { require_protocol: true, require_tld: false };
/** A base URL: no query, no fragment, no credentials. */
export const WEB_URL = {
  ...URL_WITH_SCHEME,
  protocols: ['http', 'https'],
  disallow_auth: true,
  allow_query_components: false,
  allow_fragments: false,
};
/** Addresses of runtimes, which may be names inside a cluster. */
export const GATEWAY_URL = { ...WEB_URL, protocols: ['http', 'https', 'ws', 'wss'], allow_underscores: true };
/** May hold credentials. */
export const REDIS_URL = { ...URL_WITH_SCHEME, protocols: ['redis', 'rediss'] };

/** The form of a value: a pattern, and the words of the error message. */
interface Form {
  readonly pattern: RegExp;
  readonly words: string;
}

/** May hold credentials; a socket is `postgresql:///name?host=/run/postgresql`. */
export const DATABASE_URL: Form = {
  pattern: /^postgres(ql)?:\/\/\S+$/,
  words: 'must be a URL that begins with postgresql://',
};
export const RUNTIME_BASE: Form = { pattern: /\/api\/v1\/?$/, words: 'must end in /api/v1' };
export const ORIGIN: Form = {
  pattern: /^https?:\/\/[^/\s]+$/,
  words: 'must be http:// or https:// and a host, without a path',
};
/** A word that is neither of the two is most likely misspelt, not a file. */
export const AUDIT: Form = {
  pattern: /^(off|stdout|.*[/\\][^/\\]+)$/,
  words: 'must be off, stdout, or the path of a file with a slash in it, such as ./audit.jsonl',
};
export const HOST: Form = {
  pattern: /^[^/\s]+$/,
  words: 'must be a host name or address, without scheme, path and spaces',
};
export const AGENT_LABEL: Form = {
  pattern: /^[A-Za-z0-9._-]{1,63}$/,
  words: 'must be 1 to 63 letters, digits, dots, hyphens and underscores',
};
export const CONTAINER_SOCKET: Form = {
  pattern: /^(auto|off|(unix:\/\/)?\/\S+)$/,
  words: 'must be auto, off, or the path of a socket',
};
/** A colon separates the parts of a volume, a comma those of a list. */
export const ALLOWED_VOLUME: Form = {
  pattern: /^\/[^:,]*(:ro|:rw)?$/,
  words: 'must be an absolute path without a colon, with :ro behind it where containers may only read',
};
export const CAPABILITY: Form = {
  pattern: /^[A-Z][A-Z_]+$/,
  words: 'must be the name of a Linux capability in capital letters, without CAP_',
};
export const AGENT_NAME: Form = {
  pattern: /^[A-Za-z0-9._-]{1,100}$/,
  words: 'must be 1 to 100 letters, digits, dots, hyphens and underscores',
};
export const IMAGE: Form = {
  pattern: /^[a-z0-9][A-Za-z0-9._:/@-]{0,499}$/,
  words: 'must be the name of a container image, as in registry.example.com/name:tag',
};
export const NAMESPACE: Form = {
  pattern: /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
  words: 'must be 1 to 63 lower-case letters, digits and hyphens',
};
/** Of an object of Kubernetes. */
export const OBJECT_NAME: Form = {
  pattern: /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/,
  words: 'must be a name of lower-case letters, digits, hyphens and dots',
};
/** As long as the longest key of the runtime, and of letters that are legal in a header. */
export const INTEGRATION_KEY: Form = {
  pattern: /^sk-[A-Za-z0-9_-]{20,200}$/,
  words: 'must be sk- and 20 to 200 letters, digits, hyphens and underscores',
};
/** The rules of S3 for general purpose buckets. */
export const BUCKET: Form = {
  pattern: /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/,
  words: 'must be 3 to 63 lower-case letters, digits, dots and hyphens',
};
export const REGION: Form = {
  pattern: /^[A-Za-z0-9-]{1,63}$/,
  words: 'must be 1 to 63 letters, digits and hyphens',
};
export const ACCESS_KEY_ID: Form = {
  pattern: /^[^\s/]+$/,
  words: 'must be without spaces and slashes',
};
export const SECRET_TEXT: Form = { pattern: /^\S+$/, words: 'must be without spaces' };
export const TOOLSET: Form = {
  pattern: /^[a-z][a-z0-9-]{0,49}$/,
  words: 'must be the name of a toolset, of lower-case letters, digits and hyphens',
};
export const TOOL_NAMES: Form = {
  pattern: /^(?:[\w./-]{1,128}|[\w./-]{0,127}\*)$/,
  words: 'must be the name of a tool, or the beginning of names and a *',
};
/** So much of a key as lists and logs show; a whole key does not belong here. */
export const KEY_TOOL: Form = {
  pattern: /^sk-[\w-]{0,17}=(?:[\w./-]{1,128}|[\w./-]{0,127}\*)$/,
  words:
    'must be the beginning of a key (sk- and at most 17 characters), an equals sign, and the name of a tool or the beginning of names and a *',
};
export const DAY_LIMIT = 3650;
export const HOUR_MS = 3_600_000;

export const Is = ({ pattern, words }: Form): PropertyDecorator =>
  Matches(pattern, { message: `$property ${words}` });

export const Each = ({ pattern, words }: Form): PropertyDecorator =>
  Matches(pattern, { each: true, message: `each value in $property ${words}` });

/** Each is an address, or a network as an address with the length of its prefix. */
export const EachNetwork = (): PropertyDecorator =>
  ValidateBy(
    {
      name: 'isNetwork',
      validator: {
        validate: (value) => typeof value === 'string' && isNetwork(value),
        defaultMessage: () =>
          'each value in $property must be an IP address, or a network such as 10.0.0.0/8 or fd00::/8',
      },
    },
    { each: true },
  );

const BITS: Readonly<Record<number, number>> = { 4: 32, 6: 128 };

function isNetwork(text: string): boolean {
  const [address = '', prefix, ...more] = text.split('/');
  const bits = BITS[isIP(address)];
  if (bits === undefined || more.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
}

export const WholeNumber = (min: number, max: number = Number.MAX_SAFE_INTEGER): PropertyDecorator =>
  applyDecorators(IsInt(), Min(min), Max(max));

/** May be left out; a value that is given must satisfy the rules. */
export const Optional = (...rules: PropertyDecorator[]): PropertyDecorator =>
  applyDecorators(IsOptional(), ...rules);
