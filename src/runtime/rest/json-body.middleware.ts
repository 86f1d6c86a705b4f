import {
  BadRequestException,
  HttpException,
  Injectable,
  type NestMiddleware,
  PayloadTooLargeException,
} from '@nestjs/common';
import { json, type NextFunction, type Request, type Response } from 'express';

/** As much as a relayed call may carry in base64, and more than any parameter needs. */
const LIMIT_BYTES = 16 * 1024 * 1024;

const read = json({ limit: LIMIT_BYTES, type: () => true });

/** Reads the JSON body of a REST call; what cannot be read is answered 400 or 413, with a sentence. */
@Injectable()
export class JsonBodyMiddleware implements NestMiddleware {
  use(request: Request, response: Response, next: NextFunction): void {
    read(request, response, (error?: unknown) => next(error === undefined ? undefined : refusalOf(error)));
  }
}

function refusalOf(error: unknown): Error {
  const { type, status } = error as { type?: string; status?: number };
  if (type === 'entity.too.large')
    return new PayloadTooLargeException(`The body is larger than ${LIMIT_BYTES} bytes.`);
  if (type === 'entity.parse.failed') return new BadRequestException('The body is not valid JSON.');
  return new HttpException('The body could not be read.', status ?? 400);
}
