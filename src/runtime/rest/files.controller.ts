import { Body, Controller, HttpCode, Post, UseGuards, UsePipes } from '@nestjs/common';
import { IsInt, IsNotEmpty, IsString, MaxLength, Min } from 'class-validator';

import type { PresignedUpload } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { FilesService } from '../files/index.js';
import { JsonBody, SMALL_BODY } from './json-bodies.js';
import { NoQuery, RestValidationPipe } from './rest-validation.pipe.js';

export class PresignBodyDto {
  @IsString()
  @IsNotEmpty()
  @MaxLength(255)
  readonly file_name!: string;

  @IsInt()
  @Min(0)
  readonly file_size!: number;

  @IsString()
  @IsNotEmpty()
  @MaxLength(255)
  readonly content_type!: string;
}

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
