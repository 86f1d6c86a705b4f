import { fetch, type Response } from 'undici';

import { errorText } from '../../config/index.js';
import {
  expandTemplate,
  isNestedDeeper,
  OUTPUT_DEPTH_LIMIT,
  parseExact,
  referencePath,
  type RunStep,
} from '../../contract/index.js';
import { dispatcher } from '../outbound.js';
import { asText, type Parameters, resolve, resolveTexts } from './references.js';
import { RunFailure } from './run-result.js';

type HttpStep = Extract<RunStep, { kind: 'http' }>;

const BODY_LIMIT = 4 * 1024 * 1024;
const TEXT = /^(text\/|application\/(json|xml|yaml|javascript|x-ndjson|[\w.+-]+\+(json|xml)))/i;

/** A path segment `.` or `..`. */
const DOT_SEGMENT = /\/\.{1,2}(?=[/?#]|$)/;

/** The output of a `call: http` step; a body that is not text is base64. */
export interface HttpAnswer {
  readonly status_code: number;
  readonly headers: Record<string, string>;
  readonly body: unknown;
  readonly body_encoding?: 'base64';
}

/** Makes the HTTP call of a step. A redirect is returned, not followed; a status of 400 or more fails the run. */
export async function callHttp(
  step: HttpStep,
  parameters: Parameters,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const target = targetOf(step, parameters);
  const method = step.method.toUpperCase();
  const where = `${method} ${target.origin}${target.pathname}`;
  try {
    const request = { method, ...payload(step, parameters), signal, dispatcher };
    // Not followed: the target may be another host, which must not get the headers of the step.
    const answer = await fetch(target, { ...request, redirect: 'manual' });
    const bytes = await collect(answer);
    if (answer.status >= 400) throw new RunFailure(`${where} answered ${answer.status} (step ${step.name}).`);
    const headers = Object.fromEntries(answer.headers);
    return { status_code: answer.status, headers, ...readable(bytes, headers['content-type'] ?? '') };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof RunFailure) throw error;
    throw new RunFailure(`${where} failed: ${causeOf(error)} (step ${step.name}).`);
  }
}

/** The message of a fetch error is generic; its cause has the reason. */
function causeOf(error: unknown): string {
  const { cause } = error as Error;
  return errorText(cause instanceof Error ? cause : error);
}

function targetOf(step: HttpStep, parameters: Parameters): URL {
  const url = URL.parse(endpointOf(step, parameters));
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new RunFailure(`The endpoint of step ${step.name} is not an http or https URL.`);
  }
  for (const [key, value] of Object.entries(resolveTexts(step.query, parameters)))
    url.searchParams.set(key, value);
  return url;
}

function payload(
  step: HttpStep,
  parameters: Parameters,
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
    // The body is one level below the output.
    if (isNestedDeeper(JSON.parse(text), OUTPUT_DEPTH_LIMIT - 1)) return { body: text };
    return { body: parseExact(text) };
  } catch {
    return { body: text };
  }
}

/**
 * The URL of a `call: http` step: a reference replaces all of it, `{name}` one part.
 *
 * @throws {RunFailure} when a parameter is missing, or would change the path that the author wrote.
 */
export function endpointOf(
  { name: step, endpoint }: Pick<HttpStep, 'name' | 'endpoint'>,
  parameters: Parameters,
): string {
  if (referencePath(endpoint)) return asText(resolve(endpoint, parameters));
  const address = expandTemplate(endpoint, (name) => {
    const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      return String(value);
    const state =
      value === undefined || value === null ? 'was not given' : 'is not a string, number or boolean';
    throw new RunFailure(`The endpoint of step ${step} needs the parameter "${name}", which ${state}.`);
  });
  if (address !== endpoint && DOT_SEGMENT.test(address))
    throw new RunFailure(
      `A parameter in the endpoint of step ${step} is "." or "..", which leads to another path.`,
    );
  return address;
}
