import { BadRequestException, Injectable, Logger } from '@nestjs/common';

import { Database, uuidV7 } from '../database/index.js';
import { Engine } from '../engine/index.js';
import { FilesService } from '../files/index.js';
import {
  acceptedTypes,
  type CompiledWorkflow,
  fileParametersOf,
  ParameterCheck,
  type WorkflowVersion,
} from '../workflows/index.js';
import { WaitingTasks } from './waiting-tasks.js';
import { waitingEvent, writeEvents } from './task-transitions.js';

interface RunSubmission {
  readonly parameters: Record<string, unknown>;
  /** Other fields of the request; stored and shown, without effect in this runtime. */
  readonly fields: Record<string, string>;
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

/** Accepts runs: validates the parameters, then writes task, first event and job in one transaction. */
@Injectable()
export class TaskSubmission {
  private readonly logger = new Logger('Tasks');

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly waiting: WaitingTasks,
    private readonly runParameters: RunParameters,
  ) {}

  /** @returns the id of the new task. */
  async submit(
    teamId: string,
    workflow: WorkflowVersion,
    { parameters, fields }: RunSubmission,
  ): Promise<string> {
    const { definition } = workflow;
    const checked = await this.runParameters.checked(teamId, workflow, parameters);
    const requirement = { teamId, labels: definition.required_labels };
    await this.engine.prepare(requirement);
    const states = this.waiting.canRun(requirement)
      ? (['pending'] as const)
      : (['pending', 'waiting'] as const);
    const id = uuidV7();
    await this.database.db.transaction().execute(async (tx) => {
      await tx
        .insertInto('task')
        .values({
          id,
          team_id: teamId,
          workflow_id: workflow.id,
          workflow_version: workflow.version,
          required_labels: definition.required_labels,
          task_status: states[states.length - 1] ?? 'pending',
          parameters: JSON.stringify(checked),
          submission: JSON.stringify(fields),
          max_retries: definition.max_retries,
          last_sequence: states.length,
        })
        .execute();
      const news = states.map((status) =>
        status === 'waiting'
          ? waitingEvent(definition.required_labels)
          : { event: 'status' as const, data: { status } },
      );
      await writeEvents(tx, { id, team_id: teamId }, news, 1);
      await this.engine.enqueue(tx, id, requirement);
    });
    this.logger.log(`task ${id} (${definition.slug}@${workflow.version}): submitted`);
    return id;
  }
}
