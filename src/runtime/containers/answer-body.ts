import { GatewayTimeoutException } from '@nestjs/common';

import { type CallDeadline, inSeconds } from './call-deadline.js';
import { isWhole, type ServiceAnswer, truncated } from './service-call.js';

/** The beginning of a body, and whether it is all. */
export interface BodyStart {
  readonly chunks: readonly Buffer[];
  readonly size: number;
  readonly isAll: boolean;
}

/**
 * The chunks of a body; its connection is released at the end, and cut when a reader stops early.
 *
 * @throws {HttpException} when it has not ended at the deadline of the call, or is cut off.
 */
export async function* chunksOf(
  answer: ServiceAnswer,
  deadline: CallDeadline,
): AsyncGenerator<Buffer, undefined> {
  const { body, connection } = answer;
  const { slug } = connection.service.definition;
  /** Whether a chunk is with its reader: then the service is not the one to wait for. */
  let isHandedOut = false;
  let fault: Error | undefined;
  const timer = setTimeout(() => {
    fault = isHandedOut ? readTooSlowly(slug, deadline) : tooSlow(slug, deadline);
    connection.cut();
  }, deadline.leftMs);
  try {
    // A reader that stops early would end the connection in order, before it can be cut.
    for await (const chunk of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      isHandedOut = true;
      yield chunk;
      isHandedOut = false;
    }
    if (isWhole(answer)) return undefined;
  } catch {
    // The reason is below: the connection was cut, by this timer or at the other end.
  } finally {
    clearTimeout(timer);
    // An orderly end lets the agent wait for the rest of what the service sends.
    if (body.complete) connection.release();
    else connection.cut();
  }
  throw fault ?? truncated(slug);
}

/** Reads a body up to a limit; the rest stays to be read. */
export async function startOf(body: AsyncGenerator<Buffer, undefined>, limit: number): Promise<BodyStart> {
  const chunks: Buffer[] = [];
  let size = 0;
  while (size <= limit) {
    const { value, done } = await body.next();
    if (done) return { chunks, size, isAll: true };
    chunks.push(value);
    size += value.length;
  }
  return { chunks, size, isAll: false };
}

/** The whole body, of which the beginning has been read. */
export async function* wholeOf(
  { chunks }: BodyStart,
  rest: AsyncGenerator<Buffer, undefined>,
): AsyncGenerator<Buffer> {
  yield* chunks;
  yield* rest;
}

const tooSlow = (slug: string, { limitMs }: CallDeadline): Error =>
  new GatewayTimeoutException(
    `Service "${slug}" did not finish its answer within ${inSeconds(limitMs)} s. The call may have taken effect.`,
  );

const readTooSlowly = (slug: string, { limitMs }: CallDeadline): Error =>
  new GatewayTimeoutException(
    `The answer of service "${slug}" was not stored within the ${inSeconds(limitMs)} s of the call. The call may have taken effect.`,
  );
