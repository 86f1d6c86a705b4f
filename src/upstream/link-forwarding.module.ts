import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import {
  All,
  BadGatewayException,
  Controller,
  GatewayTimeoutException,
  Inject,
  Injectable,
  Logger,
  Module,
  NotFoundException,
  Req,
  Res,
  ServiceUnavailableException,
} from '@nestjs/common';
import type { Request, Response } from 'express';

import { Addresses, CONFIG, type Config, errorText, proxyVariables } from '../config/index.js';
import { extendRequestTimeout, forward, NoForwardedAnswer } from '../http/index.js';
import { linkPath } from './link-paths.js';
import { isLoopback } from './undici.adapter.js';

/** As long as a link for an upload holds. The runtime answers before the body when it refuses the link. */
const UPLOAD_MS = 3_600_000;
/** The object store of the runtime may take its time to complete an upload in parts. */
const LEAST_IDLE_MS = 120_000;
/** Of the requests in progress that a process admits: a transfer takes more memory than a call, outside of the heap. */
const SHARE = 0.1;

/** Links carry a signature and need no key, so that one stays here; headers of this product are for its own processes. */
const LEFT_OUT = /^(authorization|cookie|cyberun-.*)$/;

const withoutKeys = ({ headers }: Request): Record<string, undefined> =>
  Object.fromEntries(
    Object.keys(headers)
      .filter((name) => LEFT_OUT.test(name))
      .map((name) => [name, undefined]),
  );

/** Passes requests for links to files on to the Runtime API, for deployments in which every path leads to role mcp. */
@Injectable()
class LinkForwarder {
  private readonly logger = new Logger('Links');
  private readonly limit: number;
  private readonly idleMs: number;
  private readonly agents = {
    http: new HttpAgent({ proxyEnv: proxyVariables() }),
    https: new HttpsAgent({ proxyEnv: proxyVariables() }),
  };
  private inProgress = 0;

  constructor(
    private readonly addresses: Addresses,
    @Inject(CONFIG) { limits, runtimeTimeoutMs }: Config,
  ) {
    this.limit = Math.max(1, Math.floor(SHARE * limits.requests));
    this.idleMs = Math.max(LEAST_IDLE_MS, runtimeTimeoutMs);
  }

  /** @throws {HttpException} which says what to do. */
  async forward(request: Request, response: Response): Promise<void> {
    const path = linkPath(request.originalUrl);
    if (path === undefined) throw new NotFoundException(NOT_A_LINK);
    if (this.inProgress >= this.limit)
      throw new ServiceUnavailableException({ message: BUSY, retry_after_seconds: 5 });
    const url = `${this.addresses.runtime}${path}`;
    if (request.method === 'PUT') extendRequestTimeout(request, UPLOAD_MS);
    this.inProgress += 1;
    try {
      const agent = this.agentFor(new URL(url));
      const terms = { url, headers: withoutKeys(request), idleMs: this.idleMs, ...(agent && { agent }) };
      await forward(terms, [request, response]);
    } catch (error) {
      if (!(error instanceof NoForwardedAnswer)) throw error;
      this.logger.warn(`a request for a link was not passed on to the runtime: ${errorText(error.cause)}`);
      throw error.isSilent ? new GatewayTimeoutException(SILENT) : new BadGatewayException(UNREACHABLE);
    } finally {
      this.inProgress -= 1;
    }
  }

  /** Of the proxy, if there is one; `undefined` for this machine. */
  private agentFor(url: URL): HttpAgent | undefined {
    if (isLoopback(url)) return undefined;
    return url.protocol === 'https:' ? this.agents.https : this.agents.http;
  }
}

/** Links to files, and to uploads in one part or several. */
@Controller()
class ForwardedLinksController {
  constructor(private readonly forwarder: LinkForwarder) {}

  @All(['links/*path', 'uploads/*path', 'files/*path'])
  async forward(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.forwarder.forward(request, response);
  }
}

/** Serves the links of the Runtime API in role mcp. */
@Module({ controllers: [ForwardedLinksController], providers: [LinkForwarder] })
export class LinkForwardingModule {}

const NOT_A_LINK =
  'This is no link to a file. Use the link exactly as it was given, or ask for it again (tool get_task_result, GET /r/tasks/{id}/result).';
const BUSY = 'This server passes on as many files as it can. Try again in a few seconds.';
const SILENT = 'The runtime has not answered in time. Try again; an upload begins anew with a new link.';
const UNREACHABLE = 'The runtime, which has the file, cannot be reached. Try again in a moment.';
