import { Injectable } from '@nestjs/common';

import { type AgentList, agentList, type PageQuery } from '../../contract/index.js';
import { type Caller, UpstreamClient } from '../../upstream/index.js';

/** The agent endpoints of the Runtime API, one method per endpoint. */
@Injectable()
export class AgentsService {
  constructor(private readonly upstream: UpstreamClient) {}

  list(caller: Caller, page: PageQuery): Promise<AgentList> {
    return this.upstream.send(caller, {
      operation: 'list agents',
      method: 'GET',
      path: ['r', 'agents'],
      query: { ...page },
      answer: agentList,
    });
  }
}
