import { Type } from 'class-transformer';
import { IsInt, IsOptional, Max, Min } from 'class-validator';

import { PER_PAGE_DEFAULT, PER_PAGE_LIMIT } from '../../contract/index.js';

/** Longer than any list; larger numbers would overflow in the database. */
const PAGE_LIMIT = 1_000_000_000;

export class PageQueryDto {
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(PAGE_LIMIT)
  readonly current_page: number = 1;

  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(PER_PAGE_LIMIT)
  readonly per_page: number = PER_PAGE_DEFAULT;
}
