import { Body, Controller, Get, HttpCode, Param, Post, Query, UseGuards, UsePipes } from '@nestjs/common';
import { IsIn, IsObject, IsOptional, IsString, MaxLength } from 'class-validator';

import type { RunAccepted, Workflow, WorkflowList } from '../../contract/index.js';
import { currentScope } from '../../telemetry/index.js';
import { type Credential, CurrentCredential, IntegrationKeyGuard, Requires } from '../credentials/index.js';
import { TaskSubmission } from '../tasks/index.js';
import { type WorkflowName, WorkflowCatalog } from '../workflows/index.js';
import { JsonBody, LARGE_BODY } from './json-bodies.js';
import { PageQueryDto } from './page-query.dto.js';
import { IdPipe, NoQuery, RestValidationPipe } from './rest-validation.pipe.js';
import { HeadersOfRun, type RunHeaders } from './run-headers.js';

/** Body of a run; the schema of the workflow validates the parameters. */
export class RunBodyDto {
  static readonly elsewhere =
    'Parameters of the workflow belong inside "parameters": {"parameters": {"name": "value"}}.';

  @IsOptional()
  @IsObject()
  readonly parameters?: Record<string, unknown>;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly dispatch_target?: string;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly target_pool?: string;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly submitter_region?: string;

  @IsOptional()
  @IsString()
  @MaxLength(100)
  readonly tool_type?: string;
}

/** Query of the list of workflows. */
export class WorkflowQueryDto extends PageQueryDto {
  /** Words that must all occur in slug, title, summary or tags. */
  @IsOptional()
  @IsString()
  @MaxLength(200)
  readonly query?: string;

  /** Only active workflows that are tools of their own, each with its parameters. */
  @IsOptional()
  @IsIn(['true'], { message: 'is_tool must be true: it lists the workflows that are tools of their own' })
  readonly is_tool?: 'true';
}

const ID = new IdPipe('workflow_id');

/** Workflows: list, detail, and running them. */
@Controller('r/workflows')
@UseGuards(IntegrationKeyGuard)
@UsePipes(RestValidationPipe)
export class WorkflowsController {
  constructor(
    private readonly workflows: WorkflowCatalog,
    private readonly submission: TaskSubmission,
  ) {}

  @Get()
  list(
    @CurrentCredential() { teamId }: Credential,
    @Query() { is_tool, ...page }: WorkflowQueryDto,
  ): Promise<WorkflowList> {
    return this.workflows.list(teamId, { ...page, areTools: is_tool !== undefined });
  }

  @Get('slug/:slug')
  @NoQuery()
  getBySlug(@CurrentCredential() { teamId }: Credential, @Param('slug') slug: string): Promise<Workflow> {
    return this.workflows.get(teamId, { slug });
  }

  @Get(':id')
  @NoQuery()
  get(@CurrentCredential() { teamId }: Credential, @Param('id', ID) id: string): Promise<Workflow> {
    return this.workflows.get(teamId, { id });
  }

  @Post('slug/:slug/run')
  @HttpCode(202)
  @Requires('run')
  @JsonBody(LARGE_BODY)
  @NoQuery()
  runBySlug(
    @CurrentCredential() caller: Credential,
    @Param('slug') slug: string,
    @Body() body: RunBodyDto,
    @HeadersOfRun() headers: RunHeaders,
  ): Promise<RunAccepted> {
    return this.submit(caller, { slug }, body, headers);
  }

  @Post(':id/run')
  @HttpCode(202)
  @Requires('run')
  @JsonBody(LARGE_BODY)
  @NoQuery()
  run(
    @CurrentCredential() caller: Credential,
    @Param('id', ID) id: string,
    @Body() body: RunBodyDto,
    @HeadersOfRun() headers: RunHeaders,
  ): Promise<RunAccepted> {
    return this.submit(caller, { id }, body, headers);
  }

  private async submit(
    { id: submittedBy, teamId }: Credential,
    name: WorkflowName,
    { parameters, dispatch_target, target_pool, submitter_region, tool_type }: RunBodyDto,
    headers: RunHeaders,
  ): Promise<RunAccepted> {
    const workflow = await this.workflows.version(teamId, name);
    const given = { dispatch_target, target_pool, submitter_region, tool_type };
    const fields = Object.fromEntries(
      Object.entries(given).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
    );
    const { trace } = currentScope() ?? {};
    const run = { parameters: parameters ?? {}, fields, ...headers, submittedBy, trace };
    return { task_id: await this.submission.submit(teamId, workflow, run) };
  }
}
