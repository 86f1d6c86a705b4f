import {
  Body,
  Controller,
  Delete,
  HttpCode,
  Inject,
  NotFoundException,
  Post,
  Req,
  Res,
  UnauthorizedException,
  UsePipes,
} from '@nestjs/common';
import { IsNotEmpty, IsString, MaxLength } from 'class-validator';
import type { Request, Response } from 'express';

import { CONFIG, type Config, servesConsole } from '../../config/index.js';
import { BrowserSessions, checkSameOrigin, CredentialsService } from '../credentials/index.js';
import { JsonBody, NoQuery, RestValidationPipe, SMALL_BODY } from '../rest/index.js';
import { CONSOLE_OFF } from './console.controller.js';

class SignInDto {
  @IsString()
  @IsNotEmpty()
  @MaxLength(300)
  readonly key!: string;
}

/** Signing in and out of browsers: the key is exchanged for a cookie that their scripts cannot read. */
@Controller('session')
@UsePipes(RestValidationPipe)
export class SessionController {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly credentials: CredentialsService,
    private readonly sessions: BrowserSessions,
  ) {}

  @Post()
  @HttpCode(204)
  @JsonBody(SMALL_BODY)
  @NoQuery()
  async begin(
    @Body() { key }: SignInDto,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<void> {
    this.check(request);
    const rawKey = key.trim();
    const { credential } = await this.credentials.admit(rawKey, {
      kind: 'integration',
      route: 'POST /api/v1/session',
      request,
    });
    if (!credential) throw new UnauthorizedException(NOT_VALID);
    response.setHeader('Set-Cookie', await this.sessions.begin(rawKey));
  }

  @Delete()
  @HttpCode(204)
  @NoQuery()
  async end(@Req() request: Request, @Res({ passthrough: true }) response: Response): Promise<void> {
    this.check(request);
    response.setHeader('Set-Cookie', await this.sessions.end());
  }

  private check(request: Request): void {
    if (!servesConsole(this.config)) throw new NotFoundException(CONSOLE_OFF);
    checkSameOrigin(request);
  }
}

const NOT_VALID =
  'This is not a valid integration key: it must begin with "sk-" and be neither revoked nor expired.';
