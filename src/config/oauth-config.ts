import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { SettingError } from './config.js';
import type { ParsedKeyRule, ParsedOAuthFile, ParsedOAuthIssuer } from './oauth-schema.js';

const INTEGRATION_KEY = /^sk-[\w.~+/-]+=*$/;

/** Which tokens of an issuer a key of the runtime stands for. */
export interface KeyRule {
  readonly when: Readonly<Record<string, readonly (string | number | boolean)[]>>;
  /** An `sk-` key. Never logged. */
  readonly key: string;
}

/** An authorization server whose tokens are accepted. */
export type OAuthIssuer = Readonly<Omit<ParsedOAuthIssuer, 'keys'>> & { readonly keys: readonly KeyRule[] };

/** By permission, the scopes of which each gives it; `access` is needed for every request. */
export type OAuthScopes = Readonly<Record<string, readonly string[]>>;

/** What the file of OAuth says, with the keys that it names. */
export interface OAuthConfig {
  readonly resource: string | undefined;
  readonly documentation: string | undefined;
  readonly scopes: OAuthScopes;
  readonly initialScopes: readonly string[];
  readonly scopePrefix: string;
  readonly issuers: readonly OAuthIssuer[];
}

/**
 * Reads a file of OAuth, and the keys that it names.
 *
 * @throws {SettingError} naming the file, the field and the problem; it holds no key.
 */
export type OAuthFileReader = (path: string) => OAuthConfig;

/** Loads the reader, which processes without OAuth do without. */
export async function loadOAuthFileReader(
  environment: NodeJS.ProcessEnv = process.env,
): Promise<OAuthFileReader> {
  const { parseOAuthFile } = await import('./oauth-schema.js');
  return (path) => withKeys(parseOAuthFile(path, contentOf(path)), dirname(path), environment);
}

function withKeys(file: ParsedOAuthFile, folder: string, environment: NodeJS.ProcessEnv): OAuthConfig {
  const { resource, documentation, scopes, initial_scopes, scope_prefix, issuers } = file;
  return Object.freeze({
    resource,
    documentation,
    scopes,
    initialScopes: initial_scopes ?? scopes['access']?.slice(0, 1) ?? [],
    scopePrefix: scope_prefix,
    issuers: issuers.map(({ keys, ...rest }) => ({
      ...rest,
      keys: keys.map((rule) => ({ when: rule.when, key: keyOf(rule, folder, environment) })),
    })),
  });
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new SettingError(`CYBERUN_OAUTH_FILE cannot be read: ${(error as Error).message}.`);
  }
}

/** The key of a rule. Errors name the place, and not what is there. */
function keyOf({ key_env, key_file }: ParsedKeyRule, folder: string, environment: NodeJS.ProcessEnv): string {
  const place = key_env === undefined ? `the file ${key_file}` : `the variable ${key_env}`;
  const key = key_env === undefined ? keyIn(resolve(folder, key_file ?? '')) : environment[key_env]?.trim();
  if (INTEGRATION_KEY.test(key ?? '')) return key ?? '';
  const what = key === undefined || key === '' ? 'holds nothing' : 'holds something else';
  throw new SettingError(
    `OAuth needs an integration key (sk-) in ${place}, which ${what}. Make one at the runtime with: cyberun-mcp keys create`,
  );
}

function keyIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new SettingError(`A key of OAuth cannot be read: ${(error as Error).message}.`);
  }
}
