import {
  classifyInboundRequest,
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  LOG_LEVEL_META_KEY,
  PROTOCOL_VERSION_META_KEY,
} from '@modelcontextprotocol/server';
import { LRUCache } from 'lru-cache';

import { jsonOf, type RequestMessage } from '../protocol/index.js';

const CAP = 1000;
/** Envelopes of real clients are far shorter; longer ones are validated every time. */
const LONGEST = 4096;

/**
 * Envelopes found valid. A client sends the same one with every request, so the SDK's validation, which costs more than
 * the rest of a call, runs once.
 */
export class ValidEnvelopes {
  private readonly valid = new LRUCache<string, true>({ max: CAP });

  isValid(message: RequestMessage, meta: Record<string, unknown>): boolean {
    const fingerprint = jsonOf([
      meta[PROTOCOL_VERSION_META_KEY],
      meta[CLIENT_CAPABILITIES_META_KEY],
      meta[CLIENT_INFO_META_KEY],
      meta[LOG_LEVEL_META_KEY],
    ]);
    if (fingerprint === undefined) return false;
    if (this.valid.get(fingerprint)) return true;
    if (classifyInboundRequest({ httpMethod: 'POST', body: message }).kind !== 'modern') return false;
    if (fingerprint.length > LONGEST) return true;
    this.valid.set(fingerprint, true);
    return true;
  }
}
