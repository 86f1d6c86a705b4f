import {
  type AxiosAdapter,
  AxiosHeaders,
  type InternalAxiosRequestConfig,
  type RawAxiosResponseHeaders,
} from 'axios';
import type { Dispatcher } from 'undici';

import type { AnswerRoom } from '../http/index.js';
import type { Dispatchers } from './dispatchers.js';
import type { Exchange } from './exchange.js';
import { StreamedAnswer } from './streamed-answer.js';
import { WholeAnswer } from './whole-answer.js';

/**
 * Lets axios speak through undici, at a fraction of its usual cost. Of axios' options it knows those the client uses:
 * `baseURL`, `url` below it, `method`, `headers`, `data`, `signal`, `timeout`, `maxContentLength`, and `responseType`
 * `stream` or `arraybuffer`. Any status is an answer, redirects included: a key must not follow one.
 */
export function undiciAdapter(dispatchers: Dispatchers, room: AnswerRoom): AxiosAdapter {
  return async (config) => {
    const { dispatcher, origin, path } = dispatchers.towards(config.baseURL ?? '');
    const { status, headers, data } = await exchangeFor(config, room).over(dispatcher, {
      origin,
      path: `${path}/${config.url ?? ''}`,
      method: config.method?.toUpperCase() as Dispatcher.HttpMethod,
      headers: plain(config.headers),
      body: (config.data as string | undefined) ?? null,
    });
    return { status, statusText: '', headers: headers as RawAxiosResponseHeaders, data, config };
  };
}

function exchangeFor(config: InternalAxiosRequestConfig, room: AnswerRoom): Exchange {
  const limits = { signal: config.signal as AbortSignal | undefined, timeoutMs: config.timeout };
  return config.responseType === 'stream'
    ? new StreamedAnswer(limits)
    : new WholeAnswer(limits, { largest: config.maxContentLength ?? Infinity, room });
}

/** Axios has headers of a kind of its own, but only where it had something to do with the request. */
const plain = (headers: object): Record<string, string> =>
  (headers instanceof AxiosHeaders ? headers.toJSON() : headers) as Record<string, string>;
