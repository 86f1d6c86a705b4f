import type { HttpService } from '@nestjs/axios';
import type { AxiosAdapter } from 'axios';
import { firstValueFrom } from 'rxjs';
import { beforeEach, describe, expect, it, vi } from 'vitest';

import { httpServiceOver } from './http-service.js';

describe('the HttpService of the upstream', () => {
  const adapter = vi.fn<AxiosAdapter>((config) =>
    Promise.resolve({ status: 200, statusText: '', headers: {}, data: 'answer', config }),
  );
  const asked = { baseURL: 'http://runtime', url: 'x', method: 'GET', headers: { Accept: 'a/b' } };
  let http: HttpService;

  beforeEach(() => {
    adapter.mockClear();
    http = httpServiceOver(adapter);
  });

  it('hands a request to the adapter as it is', async () => {
    expect(await http.axiosRef.request(asked)).toMatchObject({ status: 200, data: 'answer' });
    expect(adapter).toHaveBeenCalledExactlyOnceWith(asked);
  });

  it('answers Observables too', async () => {
    expect(await firstValueFrom(http.request(asked))).toMatchObject({ data: 'answer' });
  });

  it('runs the interceptors of whoever adds some', async () => {
    http.axiosRef.interceptors.request.use((config) => {
      config.headers.set('X-Request', 'seen');
      return config;
    });
    http.axiosRef.interceptors.response.use((response) => ({ ...response, data: 'changed' }));
    expect(await http.axiosRef.request(asked)).toMatchObject({ data: 'changed' });
    expect(adapter.mock.lastCall?.[0].headers.toJSON()).toEqual({ Accept: 'a/b', 'X-Request': 'seen' });
  });

  it('adds the defaults of whoever sets some', async () => {
    http.axiosRef.defaults.headers = { common: { 'X-Default': 'set' } } as never;
    await http.axiosRef.request(asked);
    expect(adapter.mock.lastCall?.[0].headers.toJSON()).toEqual({ Accept: 'a/b', 'X-Default': 'set' });
  });
});
