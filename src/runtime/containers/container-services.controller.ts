import {
  All,
  Controller,
  Get,
  NotFoundException,
  Param,
  Query,
  Req,
  Res,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import type { Request, Response } from 'express';

import { Addresses } from '../../config/index.js';
import type { ContainerService, ContainerServiceList } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { NoQuery, PageQueryDto, RestValidationPipe } from '../rest/index.js';
import type { ManagedService } from './managed-service.js';
import { ServiceRelay } from './service-relay.js';
import { ServiceSupervisor } from './service-supervisor.js';

/** The path after the slug, unchanged. */
const RELAYED = /\/r\/containers\/[^/?]+(\/.*)$/;

/** Container services: list, detail, and the proxy to each service. */
@Controller('r/containers')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class ContainerServicesController {
  constructor(
    private readonly services: ServiceSupervisor,
    private readonly relay: ServiceRelay,
    private readonly addresses: Addresses,
  ) {}

  @Get()
  list(
    @CurrentCredential() { teamId }: Credential,
    @Query() { current_page, per_page }: PageQueryDto,
  ): ContainerServiceList {
    const all = this.services.list(teamId);
    const first = (current_page - 1) * per_page;
    return {
      service_list: all
        .slice(first, first + per_page)
        .map((one) => withoutLog(serviceView(one, this.addresses.public))),
      page_meta: { current_page, per_page, total_count: all.length },
    };
  }

  // Before the next route: with a slash the path is the root of the service, without it the description.
  @All(':slug/{*path}')
  @Requires('invoke')
  async proxy(
    @CurrentCredential() { teamId }: Credential,
    @Param('slug') slug: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const service = this.services.get(teamId, slug);
    const path = RELAYED.exec(request.originalUrl)?.[1];
    if (path === undefined) throw new NotFoundException('resource not found');
    await this.relay.relay(service, path, [request, response]);
  }

  @Get(':slug')
  @NoQuery()
  get(@CurrentCredential() { teamId }: Credential, @Param('slug') slug: string): ContainerService {
    return serviceView(this.services.get(teamId, slug), this.addresses.public);
  }
}

const proxyPath = (slug: string): string => `/api/v1/r/containers/${slug}`;

/** A service in the API; `publicUrl` is the address of this server for clients. */
function serviceView(service: ManagedService, publicUrl: string): ContainerService {
  const { definition, id, state, createdAt, updatedAt } = service;
  const last_failure = service.failures.view;
  const { slug, display_name, service_desc, usage_prompt, openapi_url } = definition;
  return {
    id,
    service_slug: slug,
    display_name: display_name ?? slug,
    service_type: 'deployed',
    service_status: state,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
    ...(service_desc !== undefined && { service_desc }),
    exposed_port: definition.port,
    health_path: definition.health_path,
    env_config: definition.env_config,
    volume_config: [],
    required_labels: definition.required_labels,
    gpu_count: 0,
    replica_count: definition.replica_count,
    ...(usage_prompt !== undefined && { usage_prompt }),
    ...(openapi_url !== undefined && { openapi_url }),
    ...(last_failure && { last_failure }),
    url: publicUrl + proxyPath(slug),
  };
}

/** A service in a list, without its log. */
function withoutLog({ last_failure, ...service }: ContainerService): ContainerService {
  if (!last_failure) return service;
  const { log_lines: _log, ...failure } = last_failure;
  return { ...service, last_failure: failure };
}
