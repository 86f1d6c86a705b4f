import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { IsArray, IsDate, IsIn, IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';

import { TASK_STATES, type TaskState } from '../../contract/index.js';
import { PageQueryDto } from './page-query.dto.js';

/** With a zone: the client may be in another one than the server. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/;

const IsTime = (): PropertyDecorator =>
  applyDecorators(
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && TIME.test(value) ? new Date(value) : value,
    ),
    IsDate({ message: '$property must be a time with a zone, such as 2026-01-31T08:00:00Z' }),
  );

const STATES = `status must be one of ${TASK_STATES.join(', ')}, or several of them separated by commas`;

/** Query of the list of tasks. */
export class TaskQueryDto extends PageQueryDto {
  /** One state, or several separated by commas. */
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.split(',') : [value]))
  @IsArray({ message: STATES })
  @IsIn(TASK_STATES, { each: true, message: STATES })
  readonly status?: readonly TaskState[];

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly workflow_slug?: string;

  /** From this time on. */
  @IsOptional()
  @IsTime()
  readonly created_after?: Date;

  /** Before this time. */
  @IsOptional()
  @IsTime()
  readonly created_before?: Date;

  @IsOptional()
  @IsUUID(undefined, { message: 'cursor must be the next_cursor of another page of this list' })
  readonly cursor?: string;
}
