import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

import type { InitializeRequest } from '@modelcontextprotocol/server';

import { canAnswerRequests, invalidParams, negotiated } from '../protocol/index.js';
import type { NewSession, SessionHolder } from './session-store.js';

const ID_BYTES = 16;
const PROCESS_BYTES = 6;
const MAC_BYTES = 16;
const PREFIX = 's1';
/** Keeps request headers far below the limits of servers and proxies. */
const LONGEST_PAYLOAD = 1500;
const LONGEST_ID = 2200;
const LONGEST_NAME = 100;
/** Maximum age of a session that another process adopts. */
const MAX_AGE_SECONDS = 30 * 86_400;
/** Clock difference between two processes. */
const SKEW_SECONDS = 300;

type InitializeParams = InitializeRequest['params'];
type Payload = readonly [
  process: string,
  openedAt: number,
  random: string,
  initializeParams: InitializeParams,
  toolsets?: string,
];

const now = (): number => Math.floor(Date.now() / 1000);

/**
 * Session ids that contain the session, so that a process started later can continue it. The sealing key is derived
 * from the client's own key: no server stores a secret, no other key opens them, and a client that forges one only
 * makes a session for itself, as it can by initialize.
 */
export class SealedSessionIds {
  /** A session opened by this process that is no longer stored has ended. */
  private readonly process = randomBytes(PROCESS_BYTES).toString('base64url');

  /** An id for a new session; a random one if the params of initialize are too large. */
  seal({ keyHash, initializeParams, toolsets }: NewSession): string {
    const random = randomBytes(ID_BYTES).toString('base64url');
    const said = JSON.parse(initializeParams) as InitializeParams;
    for (const stored of [said, shortened(said)]) {
      const opened = [this.process, now(), random, stored] as const;
      const payload: Payload = toolsets === undefined ? opened : [...opened, toolsets];
      const text = JSON.stringify(payload);
      if (Buffer.byteLength(text) > LONGEST_PAYLOAD) continue;
      const sealed = `${PREFIX}.${Buffer.from(text).toString('base64url')}`;
      return `${sealed}.${macOf(sealed, keyHash)}`;
    }
    return random;
  }

  /** The session of another process in this id; `undefined` for any other text or another key. */
  open(id: string, holder: SessionHolder): NewSession | undefined {
    const end = id.lastIndexOf('.');
    if (id.length > LONGEST_ID || !id.startsWith(`${PREFIX}.`) || end <= PREFIX.length) return undefined;
    const sealed = id.slice(0, end);
    if (!isEqual(macOf(sealed, holder.keyHash), id.slice(end + 1))) return undefined;
    const payload = payloadOf(sealed.slice(PREFIX.length + 1));
    return payload && this.isForeign(payload) ? openedWith(payload, holder) : undefined;
  }

  private isForeign([process, openedAt]: Payload): boolean {
    const age = now() - openedAt;
    return process !== this.process && age >= -SKEW_SECONDS && age <= MAX_AGE_SECONDS;
  }
}

/** What a server needs to send requests to the client; the rest is descriptive. */
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

/** Compared as text: one session must not have two ids. */
const isEqual = (mac: string, given: string): boolean =>
  mac.length === given.length && timingSafeEqual(Buffer.from(mac), Buffer.from(given));

/** The client could forge the payload, so it is validated like any initialize. */
function payloadOf(text: string): Payload | undefined {
  try {
    const payload = JSON.parse(Buffer.from(text, 'base64url').toString()) as Payload;
    const [, openedAt, , params, toolsets = ''] = payload;
    const isSound =
      Number.isSafeInteger(openedAt) &&
      typeof toolsets === 'string' &&
      invalidParams({ method: 'initialize', params }, {}) === undefined;
    return isSound ? payload : undefined;
  } catch {
    return undefined;
  }
}

function openedWith(
  [, , , initializeParams, toolsets]: Payload,
  { keyHash, owner }: SessionHolder,
): NewSession {
  const protocolVersion = negotiated(initializeParams.protocolVersion);
  return {
    keyHash,
    owner,
    protocolVersion,
    initializeParams: JSON.stringify(initializeParams),
    supportsServerRequests: canAnswerRequests(initializeParams),
    ...(toolsets !== undefined && { toolsets }),
  };
}
