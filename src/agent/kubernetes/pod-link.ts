import type { ClientHttp2Stream } from 'node:http2';

import { Logger } from '@nestjs/common';

import {
  AGENT_PATHS,
  parseExact,
  type RunCommand,
  type RunOrder,
  type RunReport,
} from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import type { RunName, RunTerms } from '../runs/run-stream.js';
import type { BundleArchives } from './bundle-archives.js';
import type { PodConnection } from './pod-gateway.js';
import { jobName } from './run-job.js';

const logger = new Logger('Kubernetes');

/** What a run gives to the agent in its pod, and receives from it. */
interface PodLinkOptions {
  readonly name: RunName;
  /** `undefined`: a former process of the agent has given it to the pod. */
  readonly order: RunOrder | undefined;
  readonly bundles: Pick<BundleArchives, 'passOn'>;
  readonly reported: (report: RunReport) => Promise<void>;
  /** The pod has no order, and this process none to give, or not the files of its workflow. */
  readonly orderIsLost: () => void;
}

/** The stream of a run to the agent in its pod, over any number of connections. It hands out the order once. */
export class PodLink {
  private pod: PodConnection | undefined;
  private stream: ClientHttp2Stream | undefined;
  private order: RunOrder | undefined;
  /** Counts what has replaced a stream that was being opened. */
  private turn = 0;

  constructor(private readonly options: PodLinkOptions) {
    this.order = options.order;
  }

  /** Whether the pod has the order. */
  get isGiven(): boolean {
    return this.order === undefined;
  }
  get isConnected(): boolean {
    const { session } = this.pod ?? {};
    return session !== undefined && !session.closed && !session.destroyed;
  }

  /** Ends a former connection, which may only seem to be open. */
  connected(pod: PodConnection): void {
    const former = this.pod?.session;
    this.pod = pod;
    if (former !== pod.session) former?.destroy();
  }

  /** Gives the order to the pod or attaches to its run, if it is connected. Replaces a former stream. */
  open(terms: RunTerms): void {
    const { pod } = this;
    if (!pod) return;
    this.turn += 1;
    const { turn } = this;
    this.relay(pod, terms, turn).catch((error: unknown) => {
      if (this.turn !== turn) return;
      // The pod dials again, or Kubernetes says what became of it.
      logger.warn({ message: `the pod of ${jobName(this.options.name)} was lost`, error });
    });
  }

  send(command: RunCommand): void {
    if (this.stream) void writeLine(this.stream, command);
  }

  /** Ends the stream behind its last command. */
  finish(command: RunCommand): void {
    const { stream } = this;
    this.forget();
    if (stream) void writeLine(stream, command).then(() => stream.end());
  }

  /** The pod counts from now on how long it is alone. */
  close(): void {
    this.stream?.close();
    this.forget();
  }

  private forget(): void {
    this.turn += 1;
    this.stream = undefined;
  }

  private async relay(pod: PodConnection, terms: RunTerms, turn: number): Promise<void> {
    const { order } = this;
    const { bundles, orderIsLost, reported } = this.options;
    if (!pod.hasRun && !order) return orderIsLost();
    const hasFiles = pod.hasRun || !order?.bundle || (await bundles.passOn(order.bundle, pod.session));
    if (this.turn !== turn) return;
    if (!hasFiles) return orderIsLost();
    const stream = pod.session.request({ ':method': 'POST', ':path': AGENT_PATHS.runs });
    stream.on('error', () => undefined);
    this.stream?.close();
    this.stream = stream;
    await writeLine(stream, this.firstCommand(pod, terms));
    for await (const line of readLines(stream, parseExact)) {
      if (this.stream !== stream) return;
      this.taken(pod);
      await reported(line as RunReport);
    }
  }

  private firstCommand({ hasRun }: PodConnection, { holdSeconds, logBytes }: RunTerms): RunCommand {
    const terms = { hold_seconds: holdSeconds, log_bytes: logBytes };
    const { order } = this;
    return hasRun || !order
      ? { type: 'attach', ...this.options.name, ...terms }
      : { type: 'order', order, ...terms };
  }

  /** The order need not be kept for another connection. */
  private taken({ session }: PodConnection): void {
    this.order = undefined;
    if (this.pod?.session === session) this.pod = { session, hasRun: true };
  }
}
