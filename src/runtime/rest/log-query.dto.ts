import { Transform, Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsOptional, IsString, Length, Matches, Max, Min } from 'class-validator';

import { LOG_STREAMS, type LogStream } from '../../contract/index.js';

/** Most lines of one page. */
const LINES_LIMIT = 1000;
/** As a page has it for each line: the run, and the line in it. */
export const LOG_CURSOR = /^\d{1,9}\.\d{1,15}$/;

/** Query of the log of a task. */
export class LogQueryDto {
  /** Only what follows this line. */
  @IsOptional()
  @Matches(LOG_CURSOR, {
    message: 'cursor must be the next_cursor of a page of this log, or the cursor of a line',
  })
  readonly cursor?: string;

  /** So many lines from the end. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(LINES_LIMIT)
  readonly tail?: number;

  /** Lines of a page; default 200. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(LINES_LIMIT)
  readonly limit?: number;

  @IsOptional()
  @IsIn(LOG_STREAMS)
  readonly stream?: LogStream;

  @IsOptional()
  @IsString()
  @Length(1, 200)
  readonly contains?: string;

  /** Only what this run wrote, from 1. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  readonly attempt?: number;

  /** Goes on until the task has ended. */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => ({ true: true, false: false })[String(value)] ?? value)
  @IsBoolean({ message: 'follow must be true or false' })
  readonly follow?: boolean;
}
