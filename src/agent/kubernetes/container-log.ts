import { PassThrough, type Readable } from 'node:stream';

import { type KubeConfig, Log } from '@kubernetes/client-node';

import { StampedLog, timeIn } from './stamped-log.js';

/** Where the log of a container is to be read. */
export interface ContainerLogPlace {
  readonly pod: string;
  readonly container: string;
  /** The position up to which it is known; empty: nothing of it. */
  readonly after: string;
}

/** Takes more of a log, and the position behind that; the log waits for it. */
export type ContainerLogReader = (text: string, position: string) => Promise<void>;

/**
 * Reads the log of a container as it grows, until the container or the connection ends.
 *
 * @throws what the API server answers.
 */
export async function followLog(
  config: KubeConfig,
  { namespace, pod, container, after }: ContainerLogPlace & { readonly namespace: string },
  signal: AbortSignal,
  read: ContainerLogReader,
): Promise<void> {
  const log = new StampedLog(after);
  const text = new PassThrough().setEncoding('utf8');
  // The client leaves a stream open whose connection was lost, and its error to others.
  text.once('pipe', (source: Readable) => {
    source.once('error', () => text.end());
    source.once('close', () => text.end());
  });
  const since = after === '' ? {} : { sinceTime: wholeSecond(timeIn(after)) };
  const options = { follow: true, timestamps: true, ...since };
  const begun = await new Log(config).log(namespace, pod, container, text, options);
  const stop = (): void => begun.abort();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const piece of text as AsyncIterable<string>) {
      const more = log.read(piece);
      if (more !== '') await read(more, log.position);
    }
  } finally {
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** The API server takes no parts of a second. */
const wholeSecond = (time: string): string =>
  new Date(Math.floor(Date.parse(time) / 1000) * 1000).toISOString();
