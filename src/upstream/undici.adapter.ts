import { type AxiosAdapter, AxiosHeaders } from 'axios';
import { type Dispatcher, request } from 'undici';

import { readWhole } from './read-whole.js';

/**
 * Lets axios speak through undici, at a third of its usual cost. Of axios' options it knows those the client uses:
 * `url`, `method`, `headers`, `data`, `signal`, `maxContentLength`, and `responseType` `stream` or `arraybuffer`.
 * Any status is an answer, redirects included: a key must not follow one.
 */
export function undiciAdapter(towards: (url: URL) => Dispatcher): AxiosAdapter {
  return async (config) => {
    const url = new URL(config.url ?? '');
    const { statusCode, headers, body } = await request(url, {
      dispatcher: towards(url),
      method: config.method?.toUpperCase() as Dispatcher.HttpMethod,
      headers: AxiosHeaders.from(config.headers).toJSON() as Record<string, string>,
      body: (config.data as string | undefined) ?? null,
      signal: (config.signal as AbortSignal | undefined) ?? null,
    });
    const data = config.responseType === 'stream' ? body : await readWhole(body, config.maxContentLength);
    return { status: statusCode, statusText: '', headers: new AxiosHeaders(headers as never), data, config };
  };
}
