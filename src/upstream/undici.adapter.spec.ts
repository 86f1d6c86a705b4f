import { HttpModule, HttpService } from '@nestjs/axios';
import { Test } from '@nestjs/testing';
import type { AxiosAdapter } from 'axios';
import { beforeEach, expect, it, vi } from 'vitest';

import { requestWith } from './undici.adapter.js';

const adapter = vi.fn<AxiosAdapter>((config) =>
  Promise.resolve({ status: 200, statusText: '', headers: {}, data: 'answer', config }),
);
const config = { baseURL: 'http://runtime', url: 'x', method: 'GET', headers: { Accept: 'a/b' } };
let http: HttpService;

beforeEach(async () => {
  adapter.mockClear();
  const module = await Test.createTestingModule({ imports: [HttpModule.register({ adapter })] }).compile();
  http = module.get(HttpService);
});

it('requestWith passes a request to the configured adapter as it is', async () => {
  expect(await requestWith(http, config)).toMatchObject({ status: 200, data: 'answer' });
  expect(adapter).toHaveBeenCalledExactlyOnceWith(config);
});

it('requestWith runs the interceptors that are registered on the HttpService', async () => {
  http.axiosRef.interceptors.request.use((intercepted) => {
    intercepted.headers.set('X-Request', 'seen');
    return intercepted;
  });
  http.axiosRef.interceptors.response.use((response) => ({ ...response, data: 'changed' }));
  expect(await requestWith(http, config)).toMatchObject({ data: 'changed' });
  expect(adapter.mock.lastCall?.[0].headers.toJSON()).toEqual({ Accept: 'a/b', 'X-Request': 'seen' });
});

it('requestWith uses an adapter that replaces the configured one', async () => {
  const other = vi.fn<AxiosAdapter>(adapter);
  http.axiosRef.defaults.adapter = other;
  await requestWith(http, config);
  expect(other).toHaveBeenCalledOnce();
});
