import { type ClientHttp2Stream, constants } from 'node:http2';

import { BadGatewayException, HttpException, Logger } from '@nestjs/common';

import { AGENT_PATHS, CONNECTION_END, CONNECTION_FAILURE } from '../../contract/index.js';
import type { HostedService } from './hosted-service.js';
import { notRunning } from './service-failure.js';
import { StreamSocket } from './stream-socket.js';

const logger = new Logger('Services');

/** One connection to a service: its bytes travel in a stream of the agent's tunnel. */
export class ServiceConnection {
  private failure: string | undefined;
  private isEnded = false;
  /** Carries what HTTP over TCP would carry. */
  readonly socket: StreamSocket;

  private constructor(
    readonly service: HostedService,
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

  /** @throws {HttpException} with a sentence when the service cannot be called now. */
  static to(service: HostedService): ServiceConnection {
    const agent = service.runningOn;
    if (!agent) throw notRunning(service);
    const path = `${AGENT_PATHS.connections}/${service.definition.slug}`;
    try {
      return new ServiceConnection(service, agent.session.request({ ':method': 'POST', ':path': path }));
    } catch (error) {
      // The agent is about to go.
      logger.debug({ message: 'a connection to a service could not be opened', error });
      throw brokenConnection(service);
    }
  }

  /** Whether the service itself has ended the connection. What is cut under way looks ended, too. */
  get endedInOrder(): boolean {
    return this.isEnded && this.stream.rstCode === constants.NGHTTP2_NO_ERROR;
  }

  /** What to say to a caller who got no answer, after an error of the HTTP client. */
  broken(error: Error): HttpException {
    const { slug } = this.service.definition;
    logger.warn(`service ${slug} gave no answer: ${this.failure ?? error.message}`);
    if (this.failure !== undefined) return noConnection(this.service);
    return String(Reflect.get(error, 'code')).startsWith('HPE_')
      ? notHttp(this.service)
      : brokenConnection(this.service);
  }

  /** Ends it at once; a service in the middle of a call sees it cut. */
  cut(): void {
    this.socket.destroy(new Error('the call was given up'));
  }

  /** Ends it after the answer, with whatever the service has not read of the request. */
  release(): void {
    this.socket.destroy();
  }
}

/** There is an answer, but none that can be passed on. */
export const notHttp = ({ definition }: HostedService): HttpException =>
  new BadGatewayException(
    `What service "${definition.slug}" answered is not valid HTTP. The call may have taken effect; the service has to be corrected.`,
  );

const noConnection = ({ definition }: HostedService): HttpException =>
  new BadGatewayException(
    `Service "${definition.slug}" took no connection, so the call had no effect. Call it again when its service_status is running.`,
  );

const brokenConnection = ({ definition }: HostedService): HttpException =>
  new BadGatewayException(
    `The connection to service "${definition.slug}" failed before it answered. The call may have taken effect.`,
  );

function decoded(reason: string | string[] | undefined): string | undefined {
  try {
    return reason === undefined ? undefined : decodeURIComponent(String(reason));
  } catch {
    return String(reason);
  }
}
