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
import { type Caller, UpstreamClient } from '../../upstream/index.js';

/** A workflow by its id, or by `slug` or `slug@version`. */
export type RunnableWorkflow = { readonly id: string } | { readonly slug: string };

const NO_IDEMPOTENCY =
  'Nothing was started: this Runtime API has no idempotency keys. Leave idempotency_key out; after a lost answer, look with list_tasks before you run it again.';

/** The endpoints of the Runtime API that start runs, and what they need to know of a workflow; one method per endpoint. */
@Injectable()
export class RunsService {
  constructor(private readonly upstream: UpstreamClient) {}

  /** @param idempotencyKey a repeated run with the same key and body gives the first task. */
  run(
    caller: Caller,
    name: RunnableWorkflow,
    body: object,
    idempotencyKey: string | undefined,
  ): Promise<RunAccepted> {
    const needs =
      idempotencyKey === undefined
        ? undefined
        : [{ feature: 'idempotency-key' as const, otherwise: NO_IDEMPOTENCY }];
    return this.upstream.send(caller, {
      operation: 'run the workflow',
      method: 'POST',
      path: [...pathOf(name), 'run'],
      body,
      answer: runAccepted,
      idempotencyKey,
      ...(needs && { needs }),
      whenUnsure: idempotencyKey === undefined ? MAYBE_STARTED : REPEATABLE,
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

const MAYBE_STARTED = 'A run may have started: look with list_tasks before you run it again.';
const REPEATABLE =
  'A run may have started: call again with the same idempotency_key and arguments, which starts no second one.';

const pathOf = (name: RunnableWorkflow): string[] =>
  'id' in name ? ['r', 'workflows', name.id] : ['r', 'workflows', 'slug', name.slug];
