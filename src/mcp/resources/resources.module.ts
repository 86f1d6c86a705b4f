import { Module, type OnModuleInit } from '@nestjs/common';

import { SdkServers, ToolCallsModule } from '../tools/index.js';
import { CompletionRequests } from './completion-requests.js';
import { DeclaredMethods } from './declared-methods.js';
import { OtherRequests } from './other-requests.js';
import { PromptRequests } from './prompt-requests.js';
import { RequestErrors } from './request-errors.js';
import { ResourceRequests } from './resource-requests.js';

/** Resources, prompts and completions: their methods and the answers to requests for them. */
@Module({
  imports: [ToolCallsModule],
  providers: [
    CompletionRequests,
    DeclaredMethods,
    OtherRequests,
    PromptRequests,
    RequestErrors,
    ResourceRequests,
  ],
  exports: [DeclaredMethods, OtherRequests],
})
export class ResourcesModule implements OnModuleInit {
  constructor(
    private readonly servers: SdkServers,
    private readonly requests: OtherRequests,
  ) {}

  onModuleInit(): void {
    this.servers.extend((...bound) => this.requests.bind(...bound));
  }
}
