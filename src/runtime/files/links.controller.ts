import {
  Controller,
  Get,
  Head,
  HttpException,
  HttpStatus,
  NotFoundException,
  Param,
  Req,
  Res,
  ServiceUnavailableException,
} from '@nestjs/common';
import type { Request, Response } from 'express';

import { DownloadLinks, NO_FILE } from './download-links.js';
import { FileNodes, NODE_AWAY } from './file-nodes.js';
import { sendFile } from './file-response.js';
import { FolderStore } from './folder-store.js';
import { ObjectStore } from './object-store.js';

/** A client follows at once; one that goes on with a download later opens the short link again. */
const REDIRECT_SECONDS = 300;

/** Downloads by short links. The token authorises the request. */
@Controller('links')
export class LinksController {
  constructor(
    private readonly links: DownloadLinks,
    private readonly store: ObjectStore,
    private readonly nodes: FileNodes,
  ) {}

  @Head(':token')
  async head(
    @Param('token') token: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.answer(token, [request, response]);
  }

  @Get(':token')
  async get(
    @Param('token') token: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.answer(token, [request, response]);
  }

  private async answer(token: string, exchange: [Request, Response]): Promise<void> {
    // Who holds the link may read the file; no cache in between keeps it.
    exchange[1].set({ 'Cache-Control': 'private, no-store', 'Referrer-Policy': 'no-referrer' });
    const key = await this.links.open(token);
    if (this.store instanceof FolderStore) await this.send(this.store, key, exchange);
    else await this.redirect(key, exchange);
  }

  private async send({ folder }: FolderStore, key: string, exchange: [Request, Response]): Promise<void> {
    const unsent = await sendFile(folder, key, exchange);
    if (unsent === 'InvalidRange')
      throw new HttpException(OUTSIDE, HttpStatus.REQUESTED_RANGE_NOT_SATISFIABLE);
    if (unsent === undefined) return;
    const answering = await this.nodes.answering(key, exchange);
    if (answering === 'away') throw new ServiceUnavailableException(NODE_AWAY);
    if (answering === 'here') throw new NotFoundException(NO_FILE);
  }

  /** Files in an object store do not pass through the runtime. */
  private async redirect(key: string, [request, response]: [Request, Response]): Promise<void> {
    const method = request.method === 'HEAD' ? 'HEAD' : 'GET';
    const url = await this.store.download(key, 'public', { method, seconds: REDIRECT_SECONDS });
    response.setHeader('Location', url);
    response.status(HttpStatus.TEMPORARY_REDIRECT).type('text/plain').send(FOLLOW);
  }
}

const OUTSIDE = 'The range lies outside the file, whose size is in Content-Range.';
const FOLLOW = 'The file is at the address of the header Location: follow redirects, as curl does with -L.\n';
