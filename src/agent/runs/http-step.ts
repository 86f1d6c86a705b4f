import { fetch, type Response } from 'undici';

import { isNestedDeeper, OUTPUT_DEPTH_LIMIT, parseExact, type RunStep } from '../../contract/index.js';
import { dispatcher } from './dispatcher.js';
import { endpointOf } from './endpoint.js';
import { asText, resolve, resolveTexts } from './references.js';
import { RunFailure } from './run-failure.js';

const BODY_LIMIT = 4 * 1024 * 1024;
const TEXT = /^(text\/|application\/(json|xml|yaml|javascript|x-ndjson|[\w.+-]+\+(json|xml)))/i;

/** What a `call: http` step answers with; a body that is no text is base64. */
export interface HttpAnswer {
  readonly status_code: number;
  readonly headers: Record<string, string>;
  readonly body: unknown;
  readonly body_encoding?: 'base64';
}

/** Makes the HTTP call of a step. A redirect is returned, not followed; a status of 400 or more fails the run. */
export async function callHttp(
  step: Extract<RunStep, { kind: 'http' }>,
  parameters: Readonly<Record<string, unknown>>,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const target = targetOf(step, parameters);
  const method = step.method.toUpperCase();
  const where = `${method} ${target.origin}${target.pathname}`;
  try {
    const request = { method, ...payload(step, parameters), signal, dispatcher };
    // A redirect is an answer: its target may be another host, which the headers of the step are not for.
    const answer = await fetch(target, { ...request, redirect: 'manual' });
    const bytes = await collect(answer);
    if (answer.status >= 400) throw new RunFailure(`${where} answered ${answer.status}.`);
    const headers = Object.fromEntries(answer.headers);
    return { status_code: answer.status, headers, ...readable(bytes, headers['content-type'] ?? '') };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RunFailure) throw error;
    throw new RunFailure(`${where} failed: ${causeOf(error)}.`);
  }
}

/** fetch says only that it failed; the reason is underneath. */
function causeOf(error: unknown): string {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
}

function targetOf(
  step: Extract<RunStep, { kind: 'http' }>,
  parameters: Readonly<Record<string, unknown>>,
): URL {
  const url = URL.parse(endpointOf(step, parameters));
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new RunFailure(`The endpoint of step ${step.name} is no http or https URL.`);
  }
  for (const [key, value] of Object.entries(resolveTexts(step.query, parameters)))
    url.searchParams.set(key, value);
  return url;
}

function payload(
  step: Extract<RunStep, { kind: 'http' }>,
  parameters: Readonly<Record<string, unknown>>,
): { body: string | null; headers: Record<string, string> } {
  const headers = new Headers(resolveTexts(step.headers, parameters));
  const value = resolve(step.body, parameters);
  const isStructured = typeof value === 'object' && value !== null;
  if (isStructured && !headers.has('content-type')) headers.set('content-type', 'application/json');
  const body = value === undefined || value === null ? null : asText(value);
  return { body, headers: Object.fromEntries(headers) };
}

async function collect({ body }: Response): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    const bytes = Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > BODY_LIMIT) throw new RunFailure(`The answer is larger than ${BODY_LIMIT} bytes.`);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function readable(bytes: Buffer, contentType: string): Pick<HttpAnswer, 'body' | 'body_encoding'> {
  if (!TEXT.test(contentType) && bytes.length > 0) {
    return { body: bytes.toString('base64'), body_encoding: 'base64' };
  }
  const text = bytes.toString('utf8');
  if (!/json/i.test(contentType)) return { body: text };
  try {
    // The answer itself is a level of the output.
    if (isNestedDeeper(JSON.parse(text), OUTPUT_DEPTH_LIMIT - 1)) return { body: text };
    return { body: parseExact(text) };
  } catch {
    return { body: text };
  }
}
