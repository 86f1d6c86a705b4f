import { BadRequestException, Controller, Get, Param, Query, Res, UseGuards, UsePipes } from '@nestjs/common';
import type { Request, Response } from 'express';

import { type Credential, CurrentCredential, IntegrationKeyGuard } from '../credentials/index.js';
import { TaskLogs, TaskStore } from '../tasks/index.js';
import { AnswerBudget } from './answer-budget.js';
import { sendLogEvents, sendLogText } from './event-stream.js';
import { LOG_CURSOR, LogQueryDto } from './log-query.dto.js';
import { IdPipe, RestValidationPipe } from './rest-validation.pipe.js';

const LINES_DEFAULT = 200;
/** Memory for a page: its text may have 1 MiB, and a line has other fields. */
const PAGE_BYTES = 2 * 1024 * 1024;
const TEXT = 'text/plain';
const EVENTS = 'text/event-stream';

/** The log of a task: pages as JSON, and all of it as text or as events that follow it. */
@Controller('r/tasks')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class TaskLogsController {
  constructor(
    private readonly tasks: TaskStore,
    private readonly logs: TaskLogs,
    private readonly answers: AnswerBudget,
  ) {}

  @Get(':id/logs')
  async read(
    @CurrentCredential() { teamId }: Credential,
    @Param('id', new IdPipe('task_id')) id: string,
    @Query() query: LogQueryDto,
    @Res() response: Response,
  ): Promise<void> {
    const form = formOf(response.req, query);
    checkTogether(query, form);
    if (form === 'page') {
      await this.answers.take(response, PAGE_BYTES);
      response.json(await this.logs.page(teamId, id, query, query.limit ?? LINES_DEFAULT));
      return;
    }
    await this.tasks.get(teamId, id);
    const { stream, contains, attempt, cursor, tail } = query;
    const lastEventId = response.req.get('last-event-id');
    const place = LOG_CURSOR.test(lastEventId ?? '') ? { cursor: lastEventId } : { cursor, tail };
    const isFollowed = form === EVENTS || query.follow === true;
    const log = (signal: AbortSignal) =>
      this.logs.follow(teamId, id, { stream, contains, attempt, ...place, isFollowed }, signal);
    await (form === EVENTS ? sendLogEvents(response, log) : sendLogText(response, log));
  }
}

type Form = 'page' | typeof TEXT | typeof EVENTS;

/** Events for a client that follows, text for one that asks for text, else a page. */
function formOf(request: Request, { follow }: LogQueryDto): Form {
  const accepted = request.accepts(['application/json', TEXT, EVENTS]);
  if (accepted === TEXT || accepted === EVENTS) return accepted;
  return follow === true ? EVENTS : 'page';
}

/** @throws {BadRequestException} when two fields of the query exclude each other. */
function checkTogether({ cursor, tail, limit, follow }: LogQueryDto, form: Form): void {
  const problem =
    (cursor !== undefined &&
      tail !== undefined &&
      'tail counts from the end, cursor from a line: send one of the two') ||
    (limit !== undefined && tail !== undefined && 'tail is the number of lines already: leave out limit') ||
    (limit !== undefined && form !== 'page' && 'limit is for pages as JSON: leave it out, or use tail') ||
    (follow === false &&
      form === EVENTS &&
      'events follow the log: leave out follow, or ask for application/json');
  if (problem) throw new BadRequestException(problem);
}
