import {
  Controller,
  Delete,
  Get,
  Param,
  Post,
  Query,
  Req,
  Res,
  ServiceUnavailableException,
  UsePipes,
} from '@nestjs/common';
import { Type } from 'class-transformer';
import { ArrayMaxSize, IsArray, IsInt, IsOptional, Max, Min, ValidateBy } from 'class-validator';
import type { Request, Response } from 'express';

import { FileNodes, MultipartUploads, type NamedPart, NODE_AWAY, type UploadGrant } from '../files/index.js';
import { JsonBodies } from './json-bodies.js';
import { NoQuery, RestValidationPipe } from './rest-validation.pipe.js';

const PARTS_LIMIT = 10_000;
/** For the names of so many parts. */
const BODY_BYTES = 2 * 1024 * 1024;

export class PartsQueryDto {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(PARTS_LIMIT)
  readonly from: number = 1;
}

export class CompleteBodyDto {
  @IsOptional()
  @IsArray()
  @ArrayMaxSize(PARTS_LIMIT)
  @AreNamedParts()
  readonly parts?: NamedPart[];
}

type Exchange = [Request, Response];

/**
 * Uploads in parts. A link says what it allows and is signed, so no key is needed; with the built-in store, the node that
 * keeps the parts answers.
 */
@Controller('uploads/:token')
@UsePipes(RestValidationPipe)
export class UploadsController {
  constructor(
    private readonly uploads: MultipartUploads,
    private readonly nodes: FileNodes,
    private readonly bodies: JsonBodies,
  ) {}

  @Post()
  @NoQuery()
  async begin(
    @Param('token') token: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.answer(token, [request, response], (given) => this.uploads.begin(given));
  }

  @Get('parts')
  async parts(
    @Param('token') token: string,
    @Query() { from }: PartsQueryDto,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.answer(token, [request, response], (given) => this.uploads.parts(given, from));
  }

  @Post('complete')
  @NoQuery()
  async complete(
    @Param('token') token: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.answer(token, [request, response], async (given) => {
      // Only now: a request that is forwarded takes its body with it.
      const sent = await this.bodies.read(request, response, BODY_BYTES);
      const pipe = new RestValidationPipe();
      const body = await pipe.transform(sent, { type: 'body', metatype: CompleteBodyDto });
      return this.uploads.complete(given, (body as CompleteBodyDto).parts);
    });
  }

  @Delete()
  @NoQuery()
  async abort(
    @Param('token') token: string,
    @Req() request: Request,
    @Res() response: Response,
  ): Promise<void> {
    await this.answer(token, [request, response], (given) => this.uploads.abort(given));
  }

  private async answer(
    token: string,
    exchange: Exchange,
    act: (given: UploadGrant) => Promise<object | void>,
  ): Promise<void> {
    const given = this.uploads.read(token);
    const answering = await this.nodes.answering(given.key, exchange);
    if (answering === 'elsewhere') return;
    if (answering === 'away') throw new ServiceUnavailableException(NODE_AWAY);
    const answer = await act(given);
    const [, response] = exchange;
    if (answer) response.status(200).json(answer);
    else response.status(204).end();
  }
}

function AreNamedParts(): PropertyDecorator {
  return ValidateBy({
    name: 'areNamedParts',
    validator: {
      validate: (value: unknown) => Array.isArray(value) && value.every(isNamedPart),
      defaultMessage: () =>
        '$property must have an object of part_number and etag for each part, as in [{"part_number": 1, "etag": "…"}]',
    },
  });
}

function isNamedPart(value: unknown): value is NamedPart {
  if (typeof value !== 'object' || value === null) return false;
  const { part_number, etag, ...others } = value as Record<string, unknown>;
  return Number.isInteger(part_number) && typeof etag === 'string' && Object.keys(others).length === 0;
}
