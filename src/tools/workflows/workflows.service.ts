import { Injectable } from '@nestjs/common';

import {
  PER_PAGE_LIMIT,
  type PageQuery,
  type PresignedUpload,
  type PresignRequest,
  type StoredText,
  type TextFileRequest,
  type ToolWorkflowList,
  toolWorkflowList,
  type Workflow,
  workflow,
  type WorkflowList,
  workflowList,
} from '../../contract/index.js';
import { type Caller, UpstreamClient } from '../../upstream/index.js';
import { storeTextRequest, uploadLinkRequest } from '../file-uploads.js';

interface WorkflowQuery extends PageQuery {
  readonly query?: string | undefined;
}

const SEARCH = {
  feature: 'workflow-query',
  otherwise: 'This Runtime API cannot search workflows. Leave query out and look through the pages.',
} as const;

const TOOLS = {
  feature: 'workflow-tools',
  otherwise:
    'This Runtime API has no workflows that are tools of their own. Connect without the toolset workflow-tools, and run workflows with run_workflow.',
} as const;

/** The workflow endpoints of the Runtime API, one method per endpoint. */
@Injectable()
export class WorkflowsService {
  constructor(private readonly upstream: UpstreamClient) {}

  list(caller: Caller, page: WorkflowQuery): Promise<WorkflowList> {
    return this.upstream.send(caller, {
      operation: 'list workflows',
      method: 'GET',
      path: ['r', 'workflows'],
      query: { ...page },
      answer: workflowList,
      ...(page.query !== undefined && { needs: [SEARCH] }),
    });
  }

  /** Workflows with a text in their names; where the runtime cannot search, all of them. */
  async search(caller: Caller, page: PageQuery, query: string): Promise<WorkflowList> {
    const canSearch = query !== '' && (await this.upstream.has(caller, SEARCH.feature));
    return await this.list(caller, canSearch ? { ...page, query } : page);
  }

  /** The workflows that are to be tools of their own, with their parameters. */
  pinned(caller: Caller): Promise<ToolWorkflowList> {
    return this.upstream.send(caller, {
      operation: 'list the workflows that are tools',
      method: 'GET',
      path: ['r', 'workflows'],
      query: { is_tool: 'true', per_page: PER_PAGE_LIMIT },
      answer: toolWorkflowList,
      needs: [TOOLS],
    });
  }

  get(caller: Caller, workflowId: string): Promise<Workflow> {
    return this.upstream.send(caller, {
      operation: 'get the workflow',
      method: 'GET',
      path: ['r', 'workflows', workflowId],
      answer: workflow,
    });
  }

  getBySlug(caller: Caller, workflowSlug: string): Promise<Workflow> {
    return this.upstream.send(caller, {
      operation: 'get the workflow',
      method: 'GET',
      path: ['r', 'workflows', 'slug', workflowSlug],
      answer: workflow,
    });
  }

  presign(caller: Caller, body: PresignRequest): Promise<PresignedUpload> {
    return this.upstream.send(caller, uploadLinkRequest(body));
  }

  storeText(caller: Caller, body: TextFileRequest): Promise<StoredText> {
    return this.upstream.send(caller, storeTextRequest(body));
  }
}
