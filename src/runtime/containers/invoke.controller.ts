import {
  Body,
  Controller,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  Res,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import type { Response } from 'express';

import type { InvokeAnswer } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { JsonBody, LARGE_BODY, NoQuery, RestValidationPipe } from '../rest/index.js';
import { InvokeBodyDto } from './invoke-body.dto.js';
import { ServiceInvocation } from './service-invocation.js';
import { ServiceSupervisor } from './service-supervisor.js';

/** Calls of services as JSON documents, for clients that cannot send arbitrary HTTP requests. */
@Controller('r/invoke')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class InvokeController {
  constructor(
    private readonly services: ServiceSupervisor,
    private readonly invocation: ServiceInvocation,
  ) {}

  @Post(':slug')
  @HttpCode(200)
  @Requires('invoke')
  @JsonBody(LARGE_BODY)
  @NoQuery()
  invoke(
    @CurrentCredential() { teamId }: Credential,
    @Param('slug') slug: string,
    @Body() body: InvokeBodyDto,
    @Res({ passthrough: true }) response: Response,
  ): Promise<InvokeAnswer> {
    const service = this.services.find(teamId, slug);
    if (!service) throw new NotFoundException('resource not found');
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    return this.invocation.invoke(service, body, gone.signal);
  }
}
