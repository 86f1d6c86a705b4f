import { Injectable, NotFoundException } from '@nestjs/common';
import type { Request, Response } from 'express';

import { Addresses } from '../../config/index.js';
import { FORWARDED_ORIGIN } from '../nodes/index.js';
import { parseFileKey } from './file-key.js';
import { FileNodes } from './file-nodes.js';
import { FILES_PATH, FolderStore } from './folder-store.js';
import { SIGNED_ORIGIN } from './link-signer.js';
import { ObjectStore } from './object-store.js';
import { refuse, type S3Refusal } from './s3-answers.js';
import { signatureRefusal } from './s3-signature.js';

/** What a signed request is about. */
export interface SignedObject {
  readonly key: string;
  readonly teamId: string;
}

/** Requests by links of the built-in store: their signature, and the node that has the file. */
@Injectable()
export class ObjectRequests {
  constructor(
    private readonly store: ObjectStore,
    private readonly addresses: Addresses,
    private readonly nodes: FileNodes,
  ) {}

  /** The built-in store; with an S3 endpoint there are no files here. */
  get builtIn(): FolderStore {
    if (this.store instanceof FolderStore) return this.store;
    throw new NotFoundException('No files are served here: this runtime keeps them in an object store.');
  }

  /** The object that a request is signed for, or why it is refused. */
  read(request: Request): SignedObject | S3Refusal {
    const refusal = this.refusalOf(request, this.originsOf(request));
    if (refusal) return refusal;
    const key = this.keyOf(request);
    const parts = parseFileKey(key);
    return parts ? { key, teamId: parts.teamId } : 'NoSuchKey';
  }

  /** Has another node answer when the file belongs into its folder. Returns whether the request is answered. */
  async answeredElsewhere({ key }: SignedObject, exchange: [Request, Response]): Promise<boolean> {
    const [request, response] = exchange;
    const origin = this.originsOf(request).find((one) => this.refusalOf(request, [one]) === undefined);
    const answering = await this.nodes.answering(key, exchange, origin);
    if (answering === 'away') refuse(response, 'ServiceUnavailable');
    return answering !== 'here';
  }

  private refusalOf(request: Request, origins: readonly string[]): S3Refusal | undefined {
    const signed = { method: request.method, target: request.originalUrl, headers: request.headers };
    const { account, ownAccount } = this.builtIn;
    const refusal = signatureRefusal(signed, account, origins);
    return refusal === 'SignatureDoesNotMatch' ? signatureRefusal(signed, ownAccount, origins) : refusal;
  }

  /**
   * The origins that a link may be signed for; the request may name one, since only nodes that share the secret can sign
   * for it.
   */
  private originsOf(request: Request): readonly string[] {
    const { public: forClients, loopback } = this.addresses;
    const named = new URLSearchParams(request.originalUrl.split('?', 2)[1]).get(SIGNED_ORIGIN);
    if (named !== null) return URL.canParse(named) ? [named] : [];
    const forwarded = String(request.headers[FORWARDED_ORIGIN]);
    return [forClients, loopback, ...(URL.canParse(forwarded) ? [forwarded] : [])];
  }

  private keyOf(request: Request): string {
    const [path = ''] = request.originalUrl.split('?', 1);
    const prefix = `${FILES_PATH}/${this.builtIn.account.bucket}/`;
    return path.startsWith(prefix) ? decodeURIComponent(path.slice(prefix.length)) : '';
  }
}
