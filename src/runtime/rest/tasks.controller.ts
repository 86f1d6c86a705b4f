import {
  BadRequestException,
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Post,
  Query,
  Res,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import type { Response } from 'express';

import type { CancelAccepted, Task, TaskList, TaskResult } from '../../contract/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { TaskEventsService, TaskLists, TaskStore } from '../tasks/index.js';
import { AnswerBudget } from './answer-budget.js';
import { sendEvents } from './event-stream.js';
import { JsonBody, SMALL_BODY } from './json-bodies.js';
import { IdPipe, NoFieldsDto, NoQuery, RestValidationPipe } from './rest-validation.pipe.js';
import { TaskQueryDto } from './task-query.dto.js';

const ID = new IdPipe('task_id');

/** Tasks: list, detail, result, events and cancellation. */
@Controller('r/tasks')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class TasksController {
  constructor(
    private readonly tasks: TaskStore,
    private readonly lists: TaskLists,
    private readonly answers: AnswerBudget,
    private readonly events: TaskEventsService,
  ) {}

  @Get()
  list(@CurrentCredential() { teamId }: Credential, @Query() filter: TaskQueryDto): Promise<TaskList> {
    if (filter.cursor !== undefined && filter.current_page !== 1)
      throw new BadRequestException('cursor takes the place of current_page: send one of the two');
    return this.lists.list(teamId, filter);
  }

  @Get(':id')
  @NoQuery()
  get(@CurrentCredential() { teamId }: Credential, @Param('id', ID) id: string): Promise<Task> {
    return this.tasks.get(teamId, id);
  }

  @Get(':id/result')
  @NoQuery()
  async result(
    @CurrentCredential() credential: Credential,
    @Param('id', ID) id: string,
    @Res({ passthrough: true }) response: Response,
  ): Promise<TaskResult> {
    await this.answers.take(response, await this.tasks.outputBytes(credential.teamId, id));
    return this.tasks.result(credential, id);
  }

  @Post(':id/cancel')
  @HttpCode(200)
  @Requires('run')
  @JsonBody(SMALL_BODY)
  @NoQuery()
  async cancel(
    @CurrentCredential() { teamId }: Credential,
    @Param('id', ID) id: string,
    @Body() _body: NoFieldsDto,
  ): Promise<CancelAccepted> {
    return { is_success: true, task_status: await this.tasks.cancel(teamId, id) };
  }

  @Get(':id/events')
  @NoQuery()
  async follow(
    @CurrentCredential() { teamId }: Credential,
    @Param('id', ID) id: string,
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: Response,
  ): Promise<void> {
    const after = /^\d{1,9}$/.test(lastEventId ?? '') ? Number(lastEventId) : 0;
    await sendEvents(response, this.answers, (signal) => this.events.follow(teamId, id, { after, signal }));
  }
}
