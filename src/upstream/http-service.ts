import { HttpService } from '@nestjs/axios';
import {
  type AxiosAdapter,
  type AxiosInstance,
  create as createAxios,
  type InternalAxiosRequestConfig,
} from 'axios';

type Request = (config: InternalAxiosRequestConfig) => ReturnType<AxiosAdapter>;

/**
 * Nest's HttpService over an adapter that does all there is to do. What axios does around it (merging defaults, headers
 * per method, transformations) costs as much as the request itself, so it is left out for as long as nobody makes use
 * of it: an interceptor or a default of anybody's brings all of it back.
 */
export function httpServiceOver(adapter: AxiosAdapter): HttpService {
  const instance = createAxios();
  const { defaults } = instance;
  for (const name of Object.keys(defaults)) Reflect.deleteProperty(defaults, name);
  defaults.adapter = adapter;
  const full = instance.request.bind(instance) as Request;
  const request: Request = (config) => (isInUse(instance, adapter) ? full(config) : adapter(config));
  return new HttpService(Object.assign(instance, { request }));
}

/** Whether anybody has an interceptor or a default there. */
function isInUse({ interceptors, defaults }: AxiosInstance, adapter: AxiosAdapter): boolean {
  const { request, response } = interceptors;
  return (
    (request.handlers?.length ?? 1) + (response.handlers?.length ?? 1) > 0 ||
    defaults.adapter !== adapter ||
    Object.keys(defaults).length > 1
  );
}
