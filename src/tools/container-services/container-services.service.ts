import { Injectable } from '@nestjs/common';

import {
  type ContainerService,
  containerService,
  type ContainerServiceList,
  containerServiceList,
  type InvokeAnswer,
  invokeAnswer,
  type InvokeRequest,
  LARGEST_SHOWN_IMAGE,
  type PageQuery,
} from '../../contract/index.js';
import { type Caller, UpstreamClient } from '../../upstream/index.js';

/** The container service endpoints of the Runtime API, one method per endpoint. Secrets in responses are masked. */
@Injectable()
export class ContainerServicesService {
  constructor(private readonly upstream: UpstreamClient) {}

  async list(caller: Caller, page: PageQuery): Promise<ContainerServiceList> {
    const list = await this.upstream.send(caller, {
      operation: 'list container services',
      method: 'GET',
      path: ['r', 'containers'],
      query: { ...page },
      answer: containerServiceList,
    });
    return masked(list);
  }

  async get(caller: Caller, serviceSlug: string): Promise<ContainerService> {
    const service = await this.upstream.send(caller, {
      operation: 'get the container service',
      method: 'GET',
      path: ['r', 'containers', serviceSlug],
      answer: containerService,
    });
    return masked(service);
  }

  /** @param linkAbove bytes of a body above which it is linked, where the runtime can do that. */
  async invoke(
    caller: Caller,
    serviceSlug: string,
    request: InvokeRequest,
    linkAbove: number,
  ): Promise<InvokeAnswer> {
    const canLink = await this.upstream.has(caller, 'answer-links');
    // An image up to that size is shown, so that it needs no link.
    const links = { link_above: linkAbove, link_images_above: Math.max(linkAbove, LARGEST_SHOWN_IMAGE) };
    const body = canLink ? { ...request, ...links } : request;
    return this.upstream.send(caller, {
      operation: 'call the container service',
      method: 'POST',
      path: ['r', 'invoke', serviceSlug],
      body,
      answer: invokeAnswer,
      whenUnsure: 'The service may have received the request; repeat it only if that does no harm.',
    });
  }
}

/** Fields that may hold a secret or describe a host; the Runtime API shows them, a model must not see them. */
const HIDDEN: ReadonlySet<string> = new Set(['env_value', 'host_path']);
const MASK = '[hidden]';

/** A copy in which the value of every hidden field, at any depth, is masked. */
export function masked<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(masked) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, HIDDEN.has(key) ? MASK : masked(inner as unknown)]),
  ) as Value;
}
