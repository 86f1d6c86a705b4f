import type { KeyRule } from '../../config/index.js';
import type { VerifiedToken } from './token-verifier.js';

/** The key of the runtime that stands for a token: that of the first rule which the token meets. */
export function keyFor(token: VerifiedToken): string | undefined {
  return token.issuer.keys.find((rule) => isMet(rule, token))?.key;
}

const isMet = ({ when }: KeyRule, token: VerifiedToken): boolean =>
  Object.entries(when).every(([claim, wanted]) => {
    const values = valuesOf(claim, token);
    return wanted.some((value) => values.includes(value));
  });

/** A claim that holds scopes is compared scope by scope. */
function valuesOf(claim: string, { claims, issuer, scopes }: VerifiedToken): readonly unknown[] {
  if (issuer.scope_claims.includes(claim)) return [...scopes];
  const value = claimAt(claim, claims);
  return Array.isArray(value) ? value : [value];
}

/** A claim by its name, else by the path to it: `realm_access.roles`. */
function claimAt(name: string, claims: Readonly<Record<string, unknown>>): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = Reflect.get(value, part);
  }
  return value;
}
