import { BadRequestException, Inject, Injectable, Logger } from '@nestjs/common';
import type { RawBuilder } from 'kysely';

import { noteInScope, type TraceContext } from '../../telemetry/index.js';
import { Database, type Db, uuidV7 } from '../database/index.js';
import { Engine, type WorkRequirement } from '../engine/index.js';
import { FilesService } from '../files/index.js';
import {
  acceptedTypes,
  checkConfirmed,
  checkRunnable,
  type CompiledWorkflow,
  fileParametersOf,
  ParameterCheck,
  runRequirements,
  type WorkflowVersion,
} from '../workflows/index.js';
import { IdempotencyKeys, type KeyedRun, requestHashOf } from './idempotency-keys.js';
import { TaskMetrics } from './task-metrics.js';
import { TeamLimits } from './team-limits.js';
import { QueueRanks } from './queue-ranks.js';
import { WaitingTasks } from './waiting-tasks.js';
import { addTask, waitingEvent } from './task-transitions.js';

interface RunSubmission {
  readonly parameters: Record<string, unknown>;
  /** Other fields of the request; stored and shown, without effect in this runtime. */
  readonly fields: Record<string, string>;
  /** Refuse it when the workflow wants a confirmation. */
  readonly asksFirst?: boolean;
  /** Repeated requests with the same key get the task of the first. */
  readonly idempotencyKey?: string | undefined;
  /** The key of the caller; the keys of a team share its agents. */
  readonly submittedBy: string;
  /** What the request is part of. */
  readonly trace?: TraceContext | undefined;
}

/** Validates the parameters of a run, including files. */
@Injectable()
export class RunParameters {
  constructor(
    private readonly files: FilesService,
    private readonly parameterCheck: ParameterCheck,
  ) {}

  /** @throws {BadRequestException} with every problem of the parameters. */
  async checked(
    teamId: string,
    { definition }: WorkflowVersion,
    given: Record<string, unknown>,
  ): Promise<Record<string, unknown>> {
    const result = await this.parameterCheck.parameters(definition.schema, given);
    const parameters = result.isValid ? result.parameters : given;
    const faults = [
      ...(result.isValid ? [] : result.faults),
      ...(await this.fileFaults(teamId, definition, parameters)),
    ];
    if (faults.length > 0) throw new BadRequestException(faults.join('; '));
    return parameters;
  }

  private async fileFaults(
    teamId: string,
    definition: CompiledWorkflow,
    parameters: Record<string, unknown>,
  ): Promise<string[]> {
    const faults = fileParametersOf(definition).map(async (name) => {
      const value = Object.hasOwn(parameters, name) ? parameters[name] : undefined;
      // A value that is not a string also violates the schema, which is reported.
      if (typeof value !== 'string') return undefined;
      const accept = acceptedTypes(definition.schema.properties?.[name] ?? {});
      return this.files.inputFault(teamId, { name, accept }, value);
    });
    return (await Promise.all(faults)).filter((fault) => fault !== undefined);
  }
}

/** Accepts runs: validates the parameters, then writes task, first event and job in one statement. */
@Injectable()
export class TaskSubmission {
  private readonly logger = new Logger('Tasks');
  private readonly ranks = new QueueRanks();
  @Inject(TeamLimits) private readonly limits!: TeamLimits;
  @Inject(TaskMetrics) private readonly metrics!: TaskMetrics;
  @Inject(IdempotencyKeys) private readonly idempotencyKeys!: IdempotencyKeys;

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly waiting: WaitingTasks,
    private readonly runParameters: RunParameters,
  ) {}

  /**
   * @returns the id of the task: a new one, or that of an earlier request with the same key.
   * @throws {ConflictException} when the workflow is disabled, or an earlier request with the key asked for something else.
   */
  async submit(teamId: string, workflow: WorkflowVersion, run: RunSubmission): Promise<string> {
    const keyed = keyedRun(teamId, workflow, run);
    const earlier = keyed && (await this.idempotencyKeys.taskOf(keyed));
    if (earlier !== undefined) {
      noteInScope({ taskId: earlier });
      return earlier;
    }
    checkRunnable(workflow);
    const checked = await this.runParameters.checked(teamId, workflow, run.parameters);
    // Last, so that a question is only asked about a run that would be accepted.
    if (run.asksFirst) checkConfirmed(workflow);
    const parameters = JSON.stringify(checked);
    await this.limits.admit(teamId, Buffer.byteLength(parameters));
    const { slug } = workflow.definition;
    const requirement = { teamId, labels: runRequirements(workflow.definition) };
    await this.engine.prepare(requirement);
    const id = uuidV7();
    const { fields, submittedBy, trace } = run;
    const place = this.ranks.reserve({ ...requirement, submittedBy });
    const insert = async (db: Db): Promise<string> => {
      const rank = place.rank();
      await this.insert(db, { id, requirement, workflow, parameters, fields, submittedBy, trace, rank });
      return id;
    };
    const { db } = this.database;
    const submitted = keyed
      ? db
          .transaction()
          .execute(async (tx) => (await this.idempotencyKeys.claim(tx, keyed, id)) ?? (await insert(tx)))
      : insert(db);
    const task = await submitted.finally(() => place.close());
    if (task !== id) return task;
    this.metrics.submitted(requirement.labels);
    noteInScope({ taskId: id });
    this.logger.log(`task ${id} (${slug}@${workflow.version}): submitted`);
    return id;
  }

  private async insert(db: Db, task: NewTask): Promise<void> {
    const { id, requirement, workflow, parameters } = task;
    const obstacle = this.waiting.obstacleTo(requirement);
    const states = obstacle === undefined ? (['pending'] as const) : (['pending', 'waiting'] as const);
    const row = {
      id,
      team_id: requirement.teamId,
      workflow_id: workflow.id,
      workflow_version: workflow.version,
      required_labels: [...requirement.labels],
      task_status: states[states.length - 1] ?? 'pending',
      parameters,
      parameters_bytes: Buffer.byteLength(parameters),
      submission: JSON.stringify(task.fields),
      submitted_by: task.submittedBy,
      trace_context: task.trace ? JSON.stringify(task.trace) : null,
      queue_rank: task.rank,
      max_retries: workflow.definition.max_retries,
    };
    const news = states.map((status) =>
      status === 'waiting' && obstacle !== undefined
        ? waitingEvent(obstacle)
        : { event: 'status' as const, data: { status } },
    );
    await addTask(db, row, news, (tasks) => this.engine.enqueuing(requirement, tasks));
  }
}

interface NewTask {
  readonly id: string;
  readonly requirement: WorkRequirement;
  readonly workflow: WorkflowVersion;
  /** As JSON. */
  readonly parameters: string;
  readonly fields: Record<string, string>;
  readonly submittedBy: string;
  readonly trace: TraceContext | undefined;
  readonly rank: RawBuilder<number>;
}

function keyedRun(
  teamId: string,
  { id }: WorkflowVersion,
  { parameters, fields, idempotencyKey: key }: RunSubmission,
): KeyedRun | undefined {
  return key === undefined ? undefined : { teamId, key, requestHash: requestHashOf(id, parameters, fields) };
}
