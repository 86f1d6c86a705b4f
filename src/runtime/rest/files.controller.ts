import { Body, Controller, HttpCode, Post, UseGuards, UsePipes } from '@nestjs/common';

import type { PresignedUpload } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { FilesService } from '../files/index.js';
import { JsonBody } from './json-body.interceptor.js';
import { SMALL_BODY } from './json-bodies.js';
import { NoQuery } from './no-query.interceptor.js';
import { PresignBodyDto } from './presign-body.dto.js';
import { RestValidationPipe } from './rest-validation.pipe.js';

/** Uploads of inputs. */
@Controller('r/files')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class FilesController {
  constructor(private readonly files: FilesService) {}

  @Post('presign')
  @HttpCode(200)
  @Requires('run')
  @JsonBody(SMALL_BODY)
  @NoQuery()
  presign(
    @CurrentCredential() { teamId }: Credential,
    @Body() wanted: PresignBodyDto,
  ): Promise<PresignedUpload> {
    return this.files.presign(teamId, wanted);
  }
}
