import { HttpService } from '@nestjs/axios';
import { Inject, Injectable } from '@nestjs/common';
import type { AxiosRequestConfig, AxiosResponse } from 'axios';

import { Addresses, CONFIG, type Config } from '../config/index.js';
import { CREDENTIAL_HEADER, type Feature, FEATURES_HEADER, TEAM_HEADER } from '../contract/index.js';
import { ownRequestHeaders } from '../http/index.js';
import { Deadline } from './deadline.js';
import { eventsIn, readAll, type StreamedResponse } from './event-stream.js';
import { ResponseTooLarge } from './exchange.js';
import {
  type ApiRequest,
  type Caller,
  type OnEvent,
  relativeUrl,
  requestHeaders,
  type UpstreamEventsRequest,
  type UpstreamRequest,
} from './request.js';
import { requestWith } from './undici.adapter.js';
import { invalidResponse, missingFeature, noResponse, rejected, unsafePath } from './upstream-error.js';
import { UpstreamMetrics } from './upstream-metrics.js';
import { beginSpan, type UpstreamSpan } from './upstream-spans.js';

const IDLE_MS = 60_000;
const UNAUTHORIZED = 401;
/** Response header of the embedded runtime: the permissions of the key. */
const PERMISSIONS = 'cyberun-permissions';

const VALIDATE_KEY = {
  operation: 'validate the key',
  method: 'GET',
  path: ['r', 'workflows'],
  query: { per_page: 1 },
} as const;

export interface KeyValidation {
  readonly isValid: boolean;
  /** Absent when the runtime does not say; it then decides call by call. */
  readonly permissions?: ReadonlySet<string>;
  /** Ids of the key and its team. Absent when the runtime does not say. */
  readonly credentialId?: string | undefined;
  readonly teamId?: string | undefined;
}

/** The client of the Runtime API. It throws nothing but {@link UpstreamError}, and retries nothing. */
@Injectable()
export class UpstreamClient {
  /** Bytes of a response, or of an event. */
  private readonly largest: number;
  /** Header of the last response that succeeded; `undefined` before the first. */
  private announced: string | undefined;
  /** Where requests are measured. */
  private readonly metrics: UpstreamMetrics | undefined;
  private readonly ownHeaders: Readonly<Record<string, string>> | undefined;
  private readonly refusalListeners = new Set<(key: string) => void>();

  constructor(
    private readonly http: HttpService,
    private readonly addresses: Addresses,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    this.largest = Math.min(config.runtimeResponseLimitBytes, config.limits.answersBytes);
    this.ownHeaders = ownRequestHeaders(config);
    if (config.metricsPort !== undefined) this.metrics = new UpstreamMetrics(addresses);
  }

  /** Calls back with each key that the runtime answers with 401, also when the caller handles the error. */
  onRefusedKey(listener: (key: string) => void): void {
    this.refusalListeners.add(listener);
  }

  /** Makes one request and returns its response as the contract describes it. */
  async send<Answer>(caller: Caller, request: UpstreamRequest<Answer>): Promise<Answer> {
    if (request.needs) await this.checkFeatures(caller, request);
    const response = await this.buffered(caller, request);
    if (!isSuccess(response)) throw rejected(caller, request, response);
    const answer = request.answer.safeParse(json(response.data, request.parse));
    if (answer.success) return answer.data;
    this.metrics?.countInvalid(request);
    throw invalidResponse(request, response.status, answer.error);
  }

  /** Whether the runtime announces a feature. */
  async has(caller: Caller, feature: Feature): Promise<boolean> {
    if (this.announced === undefined) await this.buffered(caller, VALIDATE_KEY);
    return namesIn(this.announced ?? '').has(feature);
  }

  /**
   * Passes on the events of a stream one at a time, until the runtime ends the stream or `onEvent` resolves to true, which
   * closes the connection. Silence and a lost connection are errors.
   */
  async events(
    caller: Caller,
    { idleMs = IDLE_MS, ...rest }: UpstreamEventsRequest,
    onEvent: OnEvent,
  ): Promise<void> {
    const request = { ...rest, method: 'GET', accept: 'text/event-stream' } as const;
    const events = eventsIn(this.largest, onEvent);
    using deadline = new Deadline(caller.signal, this.config.runtimeTimeoutMs);
    const body = await this.streamed(caller, request, deadline.signal);
    deadline.restart(idleMs);
    const onChunk = (chunk: Buffer): Promise<boolean> => {
      deadline.restart(idleMs);
      return events(chunk);
    };
    const error = await body.read(onChunk).catch(eventTooLarge);
    if (error) throw noResponse(request, caller.signal, error);
  }

  /** Validates a key by the cheapest request; with status 403 the key is valid and only may not list workflows. */
  async validateKey(caller: Caller): Promise<KeyValidation> {
    const response = await this.buffered(caller, VALIDATE_KEY);
    if (response.status === UNAUTHORIZED) return { isValid: false };
    if (!isSuccess(response) && response.status !== 403) throw rejected(caller, VALIDATE_KEY, response);
    const { headers } = response;
    const header: unknown = headers[PERMISSIONS];
    const ids = { credentialId: idIn(headers[CREDENTIAL_HEADER]), teamId: idIn(headers[TEAM_HEADER]) };
    return { isValid: true, ...ids, ...(typeof header === 'string' && { permissions: namesIn(header) }) };
  }

  private async buffered(caller: Caller, request: ApiRequest): Promise<AxiosResponse<Buffer>> {
    const { signal } = caller;
    const timeout = this.config.runtimeTimeoutMs;
    const response = await this.request<Buffer>(caller, request, {
      signal,
      timeout,
      responseType: 'arraybuffer',
    });
    if (isSuccess(response)) this.announced = featuresOf(response);
    return response;
  }

  /** @throws {UpstreamError} when the runtime lacks one of them. */
  private async checkFeatures(caller: Caller, request: ApiRequest): Promise<void> {
    if (this.announced === undefined) await this.buffered(caller, VALIDATE_KEY);
    const features = namesIn(this.announced ?? '');
    const missing = request.needs?.find(({ feature }) => !features.has(feature));
    if (missing) throw missingFeature(request, missing.otherwise);
  }

  private async streamed(
    caller: Caller,
    request: ApiRequest,
    signal: AbortSignal,
  ): Promise<StreamedResponse> {
    const response = await this.request<StreamedResponse>(caller, request, {
      signal,
      responseType: 'stream',
    });
    if (isSuccess(response)) return response.data;
    const data = await readAll(response.data, this.largest).catch((thrown: unknown) => {
      throw noResponse(request, caller.signal, thrown);
    });
    throw rejected(caller, request, { ...response, data });
  }

  private async request<Data>(
    caller: Caller,
    request: ApiRequest,
    { signal, ...options }: AxiosRequestConfig & { readonly signal: AbortSignal },
  ): Promise<AxiosResponse<Data>> {
    const url = relativeUrl(request);
    if (url === undefined) throw unsafePath(request);
    const { method, body } = request;
    const startedAt = this.metrics && performance.now();
    const { runtime: baseURL } = this.addresses;
    const span = this.spanOf(caller, request, `${baseURL}/${url}`);
    try {
      const response = await requestWith<Data>(this.http, {
        baseURL,
        url,
        method,
        headers: Object.assign(requestHeaders(span?.caller ?? caller, request), this.ownHeaders),
        ...(body && { data: JSON.stringify(body) }),
        signal,
        ...options,
        maxContentLength: this.largest,
      });
      if (startedAt !== undefined) this.metrics?.record(request, startedAt, response.status);
      span?.end(response.status);
      if (response.status === UNAUTHORIZED)
        for (const listener of this.refusalListeners) listener(caller.key);
      return response;
    } catch (thrown) {
      const error = noResponse(request, caller.signal, signal.aborted ? signal.reason : thrown);
      if (startedAt !== undefined) this.metrics?.record(request, startedAt, error.kind);
      span?.end(error.kind);
      throw error;
    }
  }

  private spanOf(
    caller: Caller,
    { operation, method }: ApiRequest,
    target: string,
  ): UpstreamSpan | undefined {
    const { settings } = this.config.traces;
    // A query may hold text of the caller.
    return settings && beginSpan(settings, caller, { operation, method, url: target.split('?', 1)[0] ?? '' });
  }
}

function featuresOf({ headers }: AxiosResponse): string {
  const header: unknown = headers[FEATURES_HEADER];
  return typeof header === 'string' ? header : '';
}

const isSuccess = ({ status }: AxiosResponse): boolean => status >= 200 && status < 300;

/** An empty body is an empty object; a body that is not JSON is `undefined`, which matches no schema. */
function json(data: Buffer, parse: (text: string) => unknown = JSON.parse): unknown {
  if (data.length === 0) return {};
  try {
    return parse(data.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** An event over the limit is an error of the stream, as a lost connection is; other errors are those of `onEvent`. */
function eventTooLarge(thrown: unknown): ResponseTooLarge {
  if (thrown instanceof ResponseTooLarge) return thrown;
  throw thrown;
}

/** An id for log lines; anything else is left out. */
const idIn = (header: unknown): string | undefined =>
  typeof header === 'string' && /^[\w-]{1,100}$/.test(header) ? header : undefined;

const namesIn = (list: string): ReadonlySet<string> =>
  new Set(
    list
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== ''),
  );
