import { Injectable, Logger } from '@nestjs/common';

import { Database, uuidV7 } from '../database/index.js';
import { Engine } from '../engine/index.js';
import type { WorkflowVersion } from '../workflows/index.js';
import { ConnectedAgents } from './connected-agents.js';
import { RunParameters } from './run-parameters.js';
import { waitingNews, writeEvents } from './task-transitions.js';

/** What a caller sends to run a workflow. */
export interface RunSubmission {
  readonly parameters: Record<string, unknown>;
  /** Fields beside the parameters; kept and shown, and without effect on a single cluster of agents. */
  readonly fields: Record<string, string>;
}

/** Accepts runs: checks the parameters, then writes task, first event and job in one transaction. */
@Injectable()
export class TaskSubmission {
  private readonly logger = new Logger('Tasks');

  constructor(
    private readonly database: Database,
    private readonly engine: Engine,
    private readonly agents: ConnectedAgents,
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
    const states = this.agents.canRun(requirement)
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
          ? waitingNews(definition.required_labels)
          : { event: 'status' as const, data: { status } },
      );
      await writeEvents(tx, { id, team_id: teamId }, news, 1);
      await this.engine.enqueue(tx, id, requirement);
    });
    this.logger.log(`task ${id} (${definition.slug}@${workflow.version}): submitted`);
    return id;
  }
}
