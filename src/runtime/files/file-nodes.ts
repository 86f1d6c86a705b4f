import { Injectable, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';

import { FORWARDED_ORIGIN, forwardRequest, NodeUnreachable, RuntimeNode } from '../nodes/index.js';
import { FolderStore } from './folder-store.js';
import { ObjectStore } from './object-store.js';
import { StoredFiles } from './stored-files.js';

/** Why a request for a file of another node is not answered. */
export const NODE_AWAY =
  'The node of this runtime that keeps the file cannot be reached. Try again when it is back. To have files at every node, let the operator configure an object store (CYBERUN_S3_ENDPOINT).';

/** Who answers a request for a file; `elsewhere`: another node has answered it. */
export type Answering = 'here' | 'elsewhere' | 'away';

/** The node that has a file: with the built-in store, the one that made the link for its upload. */
@Injectable()
export class FileNodes {
  private readonly logger = new Logger('Files');

  constructor(
    private readonly store: ObjectStore,
    private readonly stored: StoredFiles,
    private readonly node: RuntimeNode,
  ) {}

  /**
   * Forwards a request when another node has the file.
   *
   * @param origin that the client addressed.
   */
  async answering(key: string, [request, response]: [Request, Response], origin = ''): Promise<Answering> {
    const { store } = this;
    if (!(store instanceof FolderStore) || store.isAlone) return 'here';
    const folderId = (await this.stored.find(key))?.folderId ?? store.folderId;
    if (folderId === store.folderId) return 'here';
    // Once forwarded, it is here or nowhere.
    const isForwarded = request.headers[FORWARDED_ORIGIN] !== undefined;
    const node = isForwarded ? undefined : await this.node.urlOfFolder(folderId);
    if (node === undefined) return 'away';
    try {
      await forwardRequest(node, origin, [request, response]);
      return 'elsewhere';
    } catch (error) {
      if (!(error instanceof NodeUnreachable)) throw error;
      this.logger.warn(`a request for a file could not be forwarded to ${node}: ${error.message}`);
      return 'away';
    }
  }
}
