import { setTimeout as delay } from 'node:timers/promises';

import { ApiException } from '@kubernetes/client-node';

import { errorText } from '../../config/index.js';

/** Until an API server that does not answer counts as away. */
const CALL_LIMIT_MS = 30_000;

/** What the API server says about a request that it refuses; another try would be refused, too. */
export class ClusterRefusal extends Error {
  override readonly name = 'ClusterRefusal';
}

const codeOf = (error: unknown): number | undefined =>
  error instanceof ApiException ? error.code : undefined;

/** Some codes say that the API server is busy or away. */
function refusalOr(error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined || code >= 500 || code === 429 || code === 401) return error;
  return new ClusterRefusal(callMessage(error));
}

/** `undefined` for an answer of one of these codes. @throws {ClusterRefusal} */
export async function unless<T>(codes: readonly number[], call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (codes.includes(codeOf(error) ?? 0)) return undefined;
    throw refusalOr(error);
  }
}

/** @throws {ClusterRefusal} */
export const refused = <T>(call: Promise<T>): Promise<T> =>
  call.catch((error: unknown) => {
    throw refusalOr(error);
  });

export const callMessage = (error: unknown): string => apiMessageOf(error) ?? errorText(error);

/** What the API server says about a request that failed; `undefined` when it has not answered. */
export function apiMessageOf(error: unknown): string | undefined {
  if (error instanceof ClusterRefusal) return error.message;
  if (!(error instanceof ApiException)) return undefined;
  const body: unknown = error.body;
  const { message } = (typeof body === 'string' ? parsed(body) : body) as { message?: string };
  return message ?? `the API server answered ${error.code}`;
}

function parsed(text: string): { message?: string } {
  try {
    return (JSON.parse(text) ?? {}) as { message?: string };
  } catch {
    return {};
  }
}

export async function limitedCall<T>(call: Promise<T>): Promise<T> {
  const over = new AbortController();
  const limit = delay(CALL_LIMIT_MS, undefined, { signal: over.signal, ref: false }).then(() => {
    throw new Error(`the API server has not answered within ${CALL_LIMIT_MS / 1000} s`);
  });
  limit.catch(() => undefined);
  try {
    return await Promise.race([call, limit]);
  } finally {
    over.abort();
  }
}
