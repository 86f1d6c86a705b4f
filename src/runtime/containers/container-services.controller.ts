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
import { bearerToken } from '../../http/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { NoQuery, PageQueryDto, RestValidationPipe } from '../rest/index.js';
import { ServiceDirectory } from './service-directory.js';
import { ServiceRelay } from './service-relay.js';
import { ServiceRouter } from './service-router.js';
import type { RunningService } from './service-state.js';
import { listedService, type ServiceSurroundings, serviceView } from './service-view.js';

/** The path after the slug, unchanged. */
const RELAYED = /\/r\/containers\/[^/?]+(\/.*)$/;

/** Container services: list, detail, and the proxy to each service. */
@Controller('r/containers')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class ContainerServicesController {
  constructor(
    private readonly services: ServiceDirectory,
    private readonly relay: ServiceRelay,
    private readonly router: ServiceRouter,
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
        .map((one) => listedService(one, this.surroundings(one))),
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
    const key = bearerToken(request.headers.authorization) ?? '';
    await this.relay.relay(service, { path, key }, [request, response]);
  }

  @Get(':slug')
  @NoQuery()
  async get(
    @CurrentCredential() { teamId }: Credential,
    @Param('slug') slug: string,
    @Req() request: Request,
  ): Promise<ContainerService> {
    const key = bearerToken(request.headers.authorization) ?? '';
    const service = this.services.get(teamId, slug);
    const logs = await Promise.all(
      service.replicas.map(
        async (replica) => [replica.deploymentId, await this.router.logOf(replica, key)] as const,
      ),
    );
    return serviceView(service, this.surroundings(service), new Map(logs));
  }

  private surroundings(service: RunningService): ServiceSurroundings {
    return { publicUrl: this.addresses.public, obstacle: this.router.obstacleTo(service) };
  }
}
