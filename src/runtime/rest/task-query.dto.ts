import { IsIn, IsOptional } from 'class-validator';

import { TASK_STATES, type TaskState } from '../../contract/index.js';
import { PageQueryDto } from './page-query.dto.js';

/** Query of the task list. */
export class TaskQueryDto extends PageQueryDto {
  @IsOptional()
  @IsIn(TASK_STATES)
  readonly status?: TaskState;
}
