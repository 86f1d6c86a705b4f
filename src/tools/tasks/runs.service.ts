import { Injectable } from '@nestjs/common';

import {
  type PageQuery,
  type RunAccepted,
  runAccepted,
  type Workflow,
  workflow,
  type WorkflowList,
  workflowList,
} from '../../contract/index.js';
import { type Caller, type NeededFeature, UpstreamClient } from '../../upstream/index.js';
import type { Confirmation } from './run-confirmation.js';

/** A workflow by its id, or by `slug` or `slug@version`. */
export type RunnableWorkflow = { readonly id: string } | { readonly slug: string };

interface RunOptions {
  /** A repeated run with the same key and body gives the first task. */
  readonly idempotencyKey?: string | undefined;
  readonly confirmation: Confirmation;
}

const NO_CONFIRMATION = 'Nothing was started: this Runtime API asks for no confirmations. Leave confirm out.';

const NO_IDEMPOTENCY =
  'Nothing was started: this Runtime API has no idempotency keys. Leave idempotency_key out; after a lost answer, look with list_tasks before you run it again.';

/** The endpoints of the Runtime API that start runs, and what they need to know of a workflow; one method per endpoint. */
@Injectable()
export class RunsService {
  constructor(private readonly upstream: UpstreamClient) {}

  run(
    caller: Caller,
    name: RunnableWorkflow,
    body: object,
    { idempotencyKey, confirmation }: RunOptions,
  ): Promise<RunAccepted> {
    // An answer that is sent again after a lost reply starts no second run.
    const needs: NeededFeature[] = [];
    if (idempotencyKey !== undefined) needs.push({ feature: 'idempotency-key', otherwise: NO_IDEMPOTENCY });
    if (confirmation.isByArgument) needs.push({ feature: 'confirm', otherwise: NO_CONFIRMATION });
    return this.upstream.send(caller, {
      operation: 'run the workflow',
      method: 'POST',
      path: [...pathOf(name), 'run'],
      body,
      answer: runAccepted,
      idempotencyKey: idempotencyKey ?? confirmation.questionId,
      asksFirst: !confirmation.isGiven,
      ...(needs.length > 0 && { needs }),
      whenUnsure: afterLostAnswer(idempotencyKey),
    });
  }

  workflow(caller: Caller, name: RunnableWorkflow): Promise<Workflow> {
    return this.upstream.send(caller, {
      operation: 'get the workflow',
      method: 'GET',
      path: pathOf(name),
      answer: workflow,
    });
  }

  workflows(caller: Caller, page: PageQuery): Promise<WorkflowList> {
    return this.upstream.send(caller, {
      operation: 'list workflows',
      method: 'GET',
      path: ['r', 'workflows'],
      query: { ...page },
      answer: workflowList,
    });
  }
}

/** The advice in an error that leaves open whether the run has started. */
export const afterLostAnswer = (idempotencyKey: unknown): string =>
  idempotencyKey === undefined ? MAYBE_STARTED : REPEATABLE;

const MAYBE_STARTED = 'A run may have started: look with list_tasks before you run it again.';
const REPEATABLE =
  'A run may have started: call again with the same idempotency_key and arguments, which starts no second one.';

const pathOf = (name: RunnableWorkflow): string[] =>
  'id' in name ? ['r', 'workflows', name.id] : ['r', 'workflows', 'slug', name.slug];
