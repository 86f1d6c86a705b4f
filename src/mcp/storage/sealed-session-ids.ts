import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

import type { InitializeRequest } from '@modelcontextprotocol/server';

import { canAnswerRequests, invalidParams, negotiated } from '../protocol/index.js';
import type { NewSession } from './session-store.js';

const ID_BYTES = 16;
const PROCESS_BYTES = 6;
const MAC_BYTES = 16;
const PREFIX = 's1';
/** With every header it comes in, a request stays far below what servers and proxies take. */
const LONGEST_PAYLOAD = 1500;
const LONGEST_ID = 2200;
const LONGEST_NAME = 100;
/** For how long a process that has never heard of a session goes on with it, from its beginning. */
const MAX_AGE_SECONDS = 30 * 86_400;
/** Between the clocks of two processes. */
const SKEW_SECONDS = 300;

type InitializeParams = InitializeRequest['params'];
type Payload = readonly [
  process: string,
  openedAt: number,
  random: string,
  initializeParams: InitializeParams,
];

const now = (): number => Math.floor(Date.now() / 1000);

/**
 * Session ids that hold what has to be known of a session, so that a process which was started later goes on with it. What
 * they are sealed with follows from the client's own key: no server keeps a secret for it, no other key opens them, and a
 * client that forges one has made a session for itself, as it can by initialize.
 */
export class SealedSessionIds {
  /** A session this process has opened and does not know any more has ended. */
  private readonly process = randomBytes(PROCESS_BYTES).toString('base64url');

  /** An id for a new session; one that holds nothing where the client says too much of itself. */
  seal({ keyHash, initializeParams }: NewSession): string {
    const random = randomBytes(ID_BYTES).toString('base64url');
    const said = JSON.parse(initializeParams) as InitializeParams;
    for (const stored of [said, shortened(said)]) {
      const payload: Payload = [this.process, now(), random, stored];
      const text = JSON.stringify(payload);
      if (Buffer.byteLength(text) > LONGEST_PAYLOAD) continue;
      const sealed = `${PREFIX}.${Buffer.from(text).toString('base64url')}`;
      return `${sealed}.${macOf(sealed, keyHash)}`;
    }
    return random;
  }

  /** The session of another process that this id holds; `undefined` for every other text, and with another key. */
  open(id: string, keyHash: string): NewSession | undefined {
    const end = id.lastIndexOf('.');
    if (id.length > LONGEST_ID || !id.startsWith(`${PREFIX}.`) || end <= PREFIX.length) return undefined;
    const sealed = id.slice(0, end);
    if (!isEqual(macOf(sealed, keyHash), id.slice(end + 1))) return undefined;
    const payload = payloadOf(sealed.slice(PREFIX.length + 1));
    return payload && this.isForeign(payload) ? openedWith(payload, keyHash) : undefined;
  }

  private isForeign([process, openedAt]: Payload): boolean {
    const age = now() - openedAt;
    return process !== this.process && age >= -SKEW_SECONDS && age <= MAX_AGE_SECONDS;
  }
}

/** What a server needs of it to ask the client something; the rest is for people to read. */
function shortened({
  protocolVersion,
  capabilities,
  clientInfo: { name, version },
}: InitializeParams): InitializeParams {
  const short = (text: string): string => text.slice(0, LONGEST_NAME);
  return { protocolVersion, capabilities, clientInfo: { name: short(name), version: short(version) } };
}

const macOf = (sealed: string, keyHash: string): string =>
  createHmac('sha256', keyHash)
    .update(`cyberun:mcp:session:${sealed}`)
    .digest()
    .subarray(0, MAC_BYTES)
    .toString('base64url');

/** As texts: one session must not have two ids. */
const isEqual = (mac: string, given: string): boolean =>
  mac.length === given.length && timingSafeEqual(Buffer.from(mac), Buffer.from(given));

/** The client holds the key to the seal, so that what it holds is looked at like any initialize. */
function payloadOf(text: string): Payload | undefined {
  try {
    const payload = JSON.parse(Buffer.from(text, 'base64url').toString()) as Payload;
    const [, openedAt, , params] = payload;
    const isSound =
      Number.isSafeInteger(openedAt) && invalidParams({ method: 'initialize', params }, {}) === undefined;
    return isSound ? payload : undefined;
  } catch {
    return undefined;
  }
}

function openedWith([, , , initializeParams]: Payload, keyHash: string): NewSession {
  const protocolVersion = negotiated(initializeParams.protocolVersion);
  return {
    keyHash,
    protocolVersion,
    initializeParams: JSON.stringify(initializeParams),
    supportsServerRequests: canAnswerRequests(initializeParams),
  };
}
