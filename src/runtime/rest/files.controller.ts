import { Body, Controller, HttpCode, Post, UseGuards, UsePipes } from '@nestjs/common';
import { IsInt, IsNotEmpty, IsString, MaxLength, Min } from 'class-validator';

import type { PresignedUpload, StoredText } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { FilesService } from '../files/index.js';
import { JsonBody, SMALL_BODY } from './json-bodies.js';
import { NoQuery, RestValidationPipe } from './rest-validation.pipe.js';

/** A text of the longest kind, each character of it escaped. */
const TEXT_BODY = 1024 * 1024;

class FileDto {
  @IsString()
  @IsNotEmpty()
  @MaxLength(255)
  readonly file_name!: string;

  @IsString()
  @IsNotEmpty()
  @MaxLength(255)
  readonly content_type!: string;
}

export class PresignBodyDto extends FileDto {
  @IsInt()
  @Min(0)
  readonly file_size!: number;
}

export class TextFileDto extends FileDto {
  @IsString()
  readonly content_text!: string;
}

@Controller('r/files')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class FilesController {
  constructor(private readonly files: FilesService) {}

  @Post()
  @Requires('run')
  @JsonBody(TEXT_BODY)
  @NoQuery()
  store(@CurrentCredential() { teamId }: Credential, @Body() wanted: TextFileDto): Promise<StoredText> {
    return this.files.storeText(teamId, wanted);
  }

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
