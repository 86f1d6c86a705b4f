import type { IncomingHttpHeaders } from 'node:http';

import { CODE, JsonRpcHttpError } from '../protocol/index.js';

const JSON_TYPE = 'application/json';
const STREAM_TYPE = 'text/event-stream';

/** How many header values are cached, and their maximum length: a client sends the same one every time. */
const CAP = 100;
const LONGEST = 200;
const ZERO = /^q\s*=\s*0(?:\.0*)?$/i;

/** Which content types of a response a client accepts: JSON and event streams. */
export class AcceptHeader {
  /** Header values that accept both. */
  private readonly takingBoth = new Set<string>();

  /**
   * For a request whose response may be JSON or a stream.
   *
   * @throws {JsonRpcHttpError} 406
   */
  requireBoth({ accept = '' }: IncomingHttpHeaders): void {
    if (this.takingBoth.has(accept)) return;
    if (!isAccepted(accept, JSON_TYPE) || !isAccepted(accept, STREAM_TYPE)) {
      throw notAcceptable(`both ${JSON_TYPE} and ${STREAM_TYPE}`);
    }
    if (this.takingBoth.size < CAP && accept.length <= LONGEST) this.takingBoth.add(accept);
  }
}

/**
 * For a request whose response is always a stream.
 *
 * @throws {JsonRpcHttpError} 406
 */
export function requireStreamAccepted({ accept = '' }: IncomingHttpHeaders): void {
  if (!isAccepted(accept, STREAM_TYPE)) throw notAcceptable(STREAM_TYPE);
}

const notAcceptable = (wanted: string): JsonRpcHttpError =>
  new JsonRpcHttpError(406, CODE.serverError, `Not Acceptable: Client must accept ${wanted}`);

/** Of the ranges that include a type, the most precise decides (RFC 9110 §12.5.1). */
function isAccepted(accept: string, type: string): boolean {
  const ranges = new Map(accept.split(',').map(mediaRange));
  const ofItsKind = `${type.slice(0, type.indexOf('/'))}/*`;
  return ranges.get(type) ?? ranges.get(ofItsKind) ?? ranges.get('*/*') ?? false;
}

/** A range and whether it is accepted; parameters other than its weight are ignored. */
function mediaRange(text: string): [range: string, isWanted: boolean] {
  const [range = '', ...parameters] = text.split(';').map((part) => part.trim());
  return [range.toLowerCase(), !parameters.some((parameter) => ZERO.test(parameter))];
}
