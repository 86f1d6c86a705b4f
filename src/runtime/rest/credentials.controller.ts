import {
  BadRequestException,
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  NotFoundException,
  Param,
  Post,
  Query,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import { IsArray, IsIn, IsInt, IsOptional, IsString } from 'class-validator';

import { StartError } from '../../config/index.js';
import {
  type Credential,
  CREDENTIAL_KINDS,
  CredentialsStore,
  type CredentialSummary,
  CurrentCredential,
  IntegrationKeyGuard,
  type IssuedCredential,
  Requires,
} from '../credentials/index.js';
import { Database } from '../database/index.js';
import { JsonBody, SMALL_BODY } from './json-bodies.js';
import { IdPipe, NoFieldsDto, NoQuery, RestValidationPipe } from './rest-validation.pipe.js';

type CredentialKind = Credential['kind'];

class CredentialQueryDto {
  @IsOptional()
  @IsIn(CREDENTIAL_KINDS)
  readonly kind?: CredentialKind;
}

/** What a name, permissions and days may be is checked where every way to make a key ends. */
class NewCredentialDto {
  @IsIn(CREDENTIAL_KINDS)
  readonly kind!: CredentialKind;

  @IsString()
  readonly display_name!: string;

  @IsOptional()
  @IsArray()
  readonly permissions?: string[];

  @IsOptional()
  @IsInt()
  readonly expires_in_days?: number;
}

/** The keys of a team, for one of them that has the permission `admin`; and what a key itself is, for any. */
@Controller('credentials')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class CredentialsController {
  constructor(private readonly database: Database) {}

  @Get()
  @Requires('admin')
  async list(
    @CurrentCredential() credential: Credential,
    @Query() { kind }: CredentialQueryDto,
  ): Promise<{ credentials: CredentialSummary[] }> {
    const all = await this.keysOf(credential).list();
    return { credentials: kind === undefined ? all : all.filter((one) => one.kind === kind) };
  }

  @Get('current')
  @NoQuery()
  async current(@CurrentCredential() credential: Credential): Promise<CredentialSummary> {
    const found = await this.keysOf(credential).find(credential.id);
    if (!found) throw new NotFoundException('resource not found');
    return found;
  }

  @Post()
  @Requires('admin')
  @JsonBody(SMALL_BODY)
  @NoQuery()
  async create(
    @CurrentCredential() credential: Credential,
    @Body() { kind, display_name, permissions, expires_in_days }: NewCredentialDto,
  ): Promise<IssuedCredential> {
    const wanted = { kind, display_name: display_name.trim(), permissions, expires_in_days };
    return this.keysOf(credential)
      .create(wanted)
      .catch((error: unknown) => {
        throw error instanceof StartError ? new BadRequestException(error.message) : error;
      });
  }

  @Delete(':id')
  @HttpCode(204)
  @Requires('admin')
  @JsonBody(SMALL_BODY)
  @NoQuery()
  async revoke(
    @CurrentCredential() credential: Credential,
    @Param('id', new IdPipe('credential_id')) id: string,
    @Body() _body: NoFieldsDto,
  ): Promise<void> {
    if (!(await this.keysOf(credential).revoke(id))) throw new NotFoundException('resource not found');
  }

  private keysOf({ teamId }: Credential): CredentialsStore {
    return new CredentialsStore(this.database.db, teamId);
  }
}
