import { parse } from 'yaml';
import { z } from 'zod';

import { SettingError } from './config.js';

/** Signatures by a private key, which the issuer alone has: with a shared secret this server could sign, too. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

const text = z.string().trim().min(1);
/** A scope token of RFC 6749, section 3.3. */
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'must be a scope, without spaces and quotes');
const scalar = z.union([z.string(), z.number(), z.boolean()]);
/** A list, or the one item of it. */
const oneOrMore = <Item extends z.ZodType>(item: Item) =>
  z.preprocess((value: unknown): unknown => (Array.isArray(value) ? value : [value]), z.array(item).min(1));

const webUrl = z.string().superRefine((value, context) => {
  const url = URL.parse(value);
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (!isWeb || url.username !== '' || url.password !== '' || value.includes('#'))
    context.addIssue('must be a URL that begins with https://, without credentials and fragment');
});

/** Where its metadata is follows from its path, which a query would not be in. */
const resourceUrl = webUrl.superRefine((value, context) => {
  if (value.includes('?')) context.addIssue('must have no query');
});

const issuerUrl = webUrl.superRefine((value, context) => {
  const url = URL.parse(value);
  if (url?.protocol === 'http:' && !LOOPBACK.has(url.hostname))
    context.addIssue('must begin with https://; http:// is for this machine only');
  if (url && url.search !== '') context.addIssue('must have no query');
});

const keyRule = z
  .strictObject({
    /** Claims that the token must have; a list names alternatives. */
    when: z.record(text, oneOrMore(scalar)).default({}),
    key_env: text.optional(),
    key_file: text.optional(),
  })
  .superRefine(({ key_env, key_file }, context) => {
    if ((key_env === undefined) === (key_file === undefined))
      context.addIssue('must have either key_env or key_file');
  });

const issuer = z.strictObject({
  issuer: issuerUrl,
  jwks_uri: webUrl.optional(),
  audience: oneOrMore(text).optional(),
  algorithms: z
    .array(z.enum(ALGORITHMS))
    .min(1)
    .default([...ALGORITHMS]),
  clients: oneOrMore(text).optional(),
  scope_claims: z.array(text).min(1).default(['scope', 'scp']),
  require_at_jwt: z.boolean().default(false),
  keys: z.array(keyRule).min(1),
});

const oauthFile = z.strictObject({
  resource: resourceUrl.optional(),
  documentation: webUrl.optional(),
  scopes: z.record(text, oneOrMore(scope)).default({}),
  initial_scopes: oneOrMore(scope).optional(),
  scope_prefix: z.string().default(''),
  issuers: z.array(issuer).min(1),
});

export type ParsedOAuthIssuer = z.output<typeof issuer>;
export type ParsedKeyRule = z.output<typeof keyRule>;

export type ParsedOAuthFile = z.output<typeof oauthFile>;

/**
 * The content of a file of OAuth, with its defaults.
 *
 * @throws {SettingError} naming the file, the field and the problem.
 */
export function parseOAuthFile(path: string, content: string): ParsedOAuthFile {
  const given = oauthFile.safeParse(fromYaml(path, content), { error: sentenceOf });
  if (!given.success) throw new SettingError(`${path} cannot be used: ${problemOf(given.error)}.`);
  const names = given.data.issuers.map((one) => one.issuer);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return given.data;
  throw new SettingError(`${path} cannot be used: the issuer ${twice} is there twice.`);
}

function fromYaml(path: string, content: string): unknown {
  try {
    return parse(content);
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n');
    throw new SettingError(`${path} is not YAML: ${reason.replace(/:$/, '')}.`);
  }
}

/** In place of zod's own sentences, where those would not say what to do. */
const sentenceOf: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be of the type ${issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'invalid_union':
      return 'must be a text, a number, true or false';
    case 'too_small':
      return 'must not be empty';
    default:
      return undefined;
  }
};

/** The first problem, with the place where it is. */
function problemOf({ issues }: z.ZodError): string {
  const [issue] = issues;
  if (!issue) return 'it is not valid';
  const place = issue.path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`));
  const where = place.join('').replace(/^\./, '');
  if (issue.code === 'unrecognized_keys') {
    const hint = issue.keys.includes('key')
      ? '. A key does not belong here: name its place as key_env or key_file'
      : '';
    return `${where === '' ? 'it' : where} has the unknown field ${issue.keys.join(', ')}${hint}`;
  }
  return where === '' ? `it ${issue.message}` : `${where} ${issue.message}`;
}
