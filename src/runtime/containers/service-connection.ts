import { type ClientHttp2Stream, constants } from 'node:http2';
import { Duplex } from 'node:stream';

import { BadGatewayException, type HttpException, Logger } from '@nestjs/common';

import { errorText } from '../../config/index.js';
import { CONNECTION_END, CONNECTION_FAILURE } from '../../contract/index.js';
import type { ServiceDefinition } from './service-definition.js';

const logger = new Logger('Services');

/** The service behind a connection. */
export interface ServiceTarget {
  readonly definition: ServiceDefinition;
  /** Its port on the agent. */
  readonly port: number | undefined;
}

/** There is no answer, because the connection could not be opened or broke. */
export class ConnectionFailed extends BadGatewayException {
  constructor(
    sentence: string,
    /** The service has not seen the call. */
    readonly hadNoEffect: boolean,
  ) {
    super(sentence);
  }
}

/** One connection to a service, through a stream of the agent's tunnel, or of that of the node that has the agent. */
export class ServiceConnection {
  private failure: string | undefined;
  private isEnded = false;
  /** The socket for the HTTP client. */
  readonly socket: StreamSocket;

  private constructor(
    readonly service: ServiceTarget,
    readonly stream: ClientHttp2Stream,
  ) {
    this.socket = new StreamSocket(stream);
    this.socket.on('error', () => undefined);
    stream.once('response', ({ ':status': status, [CONNECTION_FAILURE]: reason }) => {
      if (status !== 200) this.failure = decoded(reason) ?? `the agent answered ${status}`;
    });
    stream.once('trailers', ({ [CONNECTION_END]: end }) => {
      this.isEnded = end === 'whole';
    });
  }

  /**
   * @param open opens the stream; nothing when the service has just ended.
   * @throws {ConnectionFailed} when it cannot be opened.
   */
  static async to(
    service: ServiceTarget,
    open: () => ClientHttp2Stream | Promise<ClientHttp2Stream> | undefined,
  ): Promise<ServiceConnection> {
    try {
      const stream = await open();
      if (stream) return new ServiceConnection(service, stream);
    } catch (error) {
      if (error instanceof ConnectionFailed) throw error;
      // The agent is disconnecting.
      logger.debug({ message: 'a connection to a service could not be opened', error });
    }
    throw noConnection(service);
  }

  /**
   * Resolves when the service has taken the connection, or has not said so within the limit.
   *
   * @throws {ConnectionFailed} when it has not taken it.
   */
  async confirmed(limitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const limit = setTimeout(resolve, limitMs);
    this.stream.once('response', () => resolve());
    this.stream.once('close', () => resolve());
    if (this.stream.closed) resolve();
    await promise;
    clearTimeout(limit);
    if (this.failure === undefined && !this.stream.destroyed) return;
    this.cut();
    throw noConnection(this.service);
  }

  /** Whether the service itself has ended the connection; a connection that broke on the way looks ended, too. */
  get endedInOrder(): boolean {
    return this.isEnded && this.stream.rstCode === constants.NGHTTP2_NO_ERROR;
  }

  /** The error for a caller without a response, after an error of the HTTP client. */
  broken(error: Error): HttpException {
    const { slug } = this.service.definition;
    logger.warn(`service ${slug} gave no answer: ${this.failure ?? errorText(error)}`);
    if (this.failure !== undefined) return noConnection(this.service);
    return String(Reflect.get(error, 'code')).startsWith('HPE_')
      ? notHttp(this.service)
      : brokenConnection(this.service);
  }

  /** Aborts the connection; the service sees the call aborted. */
  cut(): void {
    this.socket.destroy(new Error('the call was aborted'));
  }

  /** Closes the connection after the response; unread parts of the request are discarded. */
  release(): void {
    this.socket.destroy();
  }
}

/** The response is not valid HTTP. */
export const notHttp = ({ definition }: ServiceTarget): HttpException =>
  new BadGatewayException(
    `What service "${definition.slug}" answered is not valid HTTP. The call may have taken effect; the service has to be corrected.`,
  );

const noConnection = ({ definition }: ServiceTarget): HttpException =>
  new ConnectionFailed(
    `Service "${definition.slug}" took no connection, so the call had no effect. It has probably just ended: get the service, and call again once its service_status is running; last_failure says why it ended.`,
    true,
  );

const brokenConnection = ({ definition }: ServiceTarget): HttpException =>
  new ConnectionFailed(
    `The connection to service "${definition.slug}" failed before it answered. The call may have taken effect. If the service has ended, its last_failure says why.`,
    false,
  );

function decoded(reason: string | string[] | undefined): string | undefined {
  try {
    return reason === undefined ? undefined : decodeURIComponent(String(reason));
  } catch {
    return String(reason);
  }
}

type Written = (error?: Error | null) => void;

/**
 * An HTTP/2 stream as the socket of Node's HTTP client. The client also writes empty chunks; after an empty chunk behind
 * others, Node's http2 frees memory before it is sent and sends other data instead. So chunks are joined, and empty ones
 * dropped.
 */
class StreamSocket extends Duplex {
  constructor(private readonly stream: ClientHttp2Stream) {
    super();
    stream.on('data', (chunk) => {
      if (!this.push(chunk)) stream.pause();
    });
    stream.once('end', () => this.push(null));
    stream.on('error', (error: Error) => this.destroy(error));
    stream.once('close', () => {
      // After an orderly end, received data is still to be read.
      const isOrderly = stream.rstCode === constants.NGHTTP2_NO_ERROR && stream.readableEnded;
      if (!isOrderly) this.destroy(new Error('the connection was cut'));
    });
  }

  override _read(): void {
    this.stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, written: Written): void {
    if (chunk.length === 0) written();
    else this.stream.write(chunk, written);
  }

  override _writev(pieces: { readonly chunk: Buffer }[], written: Written): void {
    this._write(Buffer.concat(pieces.map(({ chunk }) => chunk)), 'utf8', written);
  }

  override _final(written: Written): void {
    this.stream.end(() => written());
  }

  override _destroy(error: Error | null, destroyed: Written): void {
    this.stream.destroy(error ?? undefined);
    destroyed(error);
  }
}
