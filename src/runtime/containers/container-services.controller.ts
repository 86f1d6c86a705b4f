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
import { ServiceRelay } from './service-relay.js';
import { ServiceSupervisor } from './service-supervisor.js';
import { serviceView, withoutLog } from './service-view.js';

/** What comes after the slug, as it was sent. */
const RELAYED = /\/r\/containers\/[^/?]+(\/.*)$/;

/** The services of the team, and their own traffic. */
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

  // Before the route below: the service's own root is "/", the service itself is described without it.
  @All(':slug/{*path}')
  @Requires('invoke')
  async proxy(
    @CurrentCredential() { teamId }: Credential,
    @Param('slug') slug: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    const service = this.services.find(teamId, slug);
    const path = RELAYED.exec(request.originalUrl)?.[1];
    if (!service || path === undefined) throw new NotFoundException('resource not found');
    await this.relay.relay(service, path, [request, response]);
  }

  @Get(':slug')
  @NoQuery()
  get(@CurrentCredential() { teamId }: Credential, @Param('slug') slug: string): ContainerService {
    const service = this.services.find(teamId, slug);
    if (!service) throw new NotFoundException('resource not found');
    return serviceView(service, this.addresses.public);
  }
}
