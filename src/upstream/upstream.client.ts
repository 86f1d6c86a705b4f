import { HttpService } from '@nestjs/axios';
import { Inject, Injectable } from '@nestjs/common';
import type { AxiosRequestConfig, AxiosResponse } from 'axios';

import { Addresses, CONFIG, type Config } from '../config/index.js';
import type { Caller } from './caller.js';
import { Cutoff } from './cutoff.js';
import { EventReader } from './event-reader.js';
import { headersFor, targetOf } from './outgoing.js';
import { readWhole } from './read-whole.js';
import { refused, unsafePath } from './refused.js';
import type { Asked, Hear, UpstreamEventsRequest, UpstreamRequest, Verdict } from './request.js';
import type { Body } from './streamed-answer.js';
import { misunderstood, unanswered } from './unanswered.js';
import type { UpstreamError } from './upstream-error.js';

const IDLE_MS = 60_000;
/** Response header of the embedded runtime: what the key may do. */
const PERMISSIONS = 'cyberun-permissions';

const JUDGE = {
  operation: 'judge the key',
  method: 'GET',
  path: ['r', 'workflows'],
  query: { per_page: 1 },
} as const;

/** The only way out to the Runtime API. Whatever goes wrong is an UpstreamError. */
@Injectable()
export class UpstreamClient {
  /** Bytes of an answer, or of an event. */
  private readonly largest: number;

  constructor(
    private readonly http: HttpService,
    private readonly addresses: Addresses,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.largest = Math.min(config.runtimeResponseLimitBytes, config.limits.answersBytes);
  }

  /** Makes one call, once, and returns its answer as the contract describes it. */
  async send<Answer>(caller: Caller, request: UpstreamRequest<Answer>): Promise<Answer> {
    const response = await this.exchange(caller, request);
    if (!isSuccess(response)) throw refused(caller, request, response);
    const answer = request.answer.safeParse(json(response.data, request.parse));
    if (!answer.success) throw misunderstood(request, response.status, answer.error);
    return answer.data;
  }

  /**
   * Tells every event of a stream, one after the other, until the runtime ends the stream or `hear` has heard enough,
   * which closes the connection. Silence and a broken connection are errors.
   */
  async events(
    caller: Caller,
    { idleMs = IDLE_MS, ...request }: UpstreamEventsRequest,
    hear: Hear,
  ): Promise<void> {
    const asked = { ...request, method: 'GET', accept: 'text/event-stream' } as const;
    const failure = (thrown: unknown): UpstreamError => unanswered(asked, caller.signal, thrown);
    const events = new EventReader(this.largest, hear, failure);
    using cutoff = new Cutoff(caller.signal, this.config.runtimeTimeoutMs);
    const body = await this.opened(caller, asked, cutoff.signal);
    cutoff.restart(idleMs);
    const broke = await body.read((chunk) => {
      cutoff.restart(idleMs);
      return events.take(chunk);
    });
    if (broke) throw failure(broke);
  }

  private async opened(caller: Caller, asked: Asked, signal: AbortSignal): Promise<Body> {
    const response = await this.answered<Body>(caller, asked, { signal, responseType: 'stream' });
    if (isSuccess(response)) return response.data;
    const data = await readWhole(response.data, this.largest).catch((thrown: unknown) => {
      throw unanswered(asked, caller.signal, thrown);
    });
    throw refused(caller, asked, { ...response, data });
  }

  /** Asks what a key is worth, by the cheapest call. */
  async judge(caller: Caller): Promise<Verdict> {
    const response = await this.exchange(caller, JUDGE);
    if (response.status === 401) return { isValid: false };
    if (!isSuccess(response) && response.status !== 403) throw refused(caller, JUDGE, response);
    const told: unknown = response.headers[PERMISSIONS];
    return typeof told === 'string' ? { isValid: true, permissions: namesIn(told) } : { isValid: true };
  }

  private exchange(caller: Caller, asked: Asked): Promise<AxiosResponse<Buffer>> {
    const timeout = this.config.runtimeTimeoutMs;
    return this.answered(caller, asked, { signal: caller.signal, timeout, responseType: 'arraybuffer' });
  }

  private async answered<Data>(
    caller: Caller,
    asked: Asked,
    { signal, ...rest }: AxiosRequestConfig & { readonly signal: AbortSignal },
  ): Promise<AxiosResponse<Data>> {
    const url = targetOf(asked);
    if (url === undefined) throw unsafePath(asked);
    const { method, body } = asked;
    try {
      // Not by way of an Observable: leaving one makes an error, with a stack, for every request that went well.
      return await this.http.axiosRef.request<Data>({
        baseURL: this.addresses.runtime,
        url,
        method,
        headers: headersFor(caller, asked),
        ...(body && { data: JSON.stringify(body) }),
        signal,
        ...rest,
        maxContentLength: this.largest,
      });
    } catch (thrown) {
      throw unanswered(asked, caller.signal, signal.aborted ? signal.reason : thrown);
    }
  }
}

const isSuccess = ({ status }: AxiosResponse): boolean => status >= 200 && status < 300;

/** An empty answer is an empty object; what is not JSON is `undefined`, which no answer matches. */
function json(data: Buffer, parse: (text: string) => unknown = JSON.parse): unknown {
  if (data.length === 0) return {};
  try {
    return parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
}

const namesIn = (list: string): ReadonlySet<string> =>
  new Set(
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  );
