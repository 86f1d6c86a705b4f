import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import type { ContainerService, InvokeAnswer, PageQuery } from '../../contract/index.js';
import { advertised, RequiresPermission, ToolContext, ToolInput } from '../../mcp/index.js';
import type { Caller } from '../../upstream/index.js';
import { brief, inFormat } from '../concise.js';
import { READS } from '../tool-definition.js';
import { withSuggestions } from '../suggestions.js';
import {
  type CallContainerServiceInput,
  callContainerServiceInput,
  callContainerServiceOutput,
  type GetContainerServiceInput,
  getContainerServiceInput,
  getContainerServiceOutput,
  listContainerServicesInput,
  listContainerServicesOutput,
} from './container-services.schemas.js';
import { ContainerServicesService } from './container-services.service.js';
import { allPages } from './all-pages.js';

/** What an agent can do with the HTTP services its team hosts. */
@McpController()
export class ContainerServicesTools {
  constructor(private readonly services: ContainerServicesService) {}

  @Tool({
    name: 'list_container_services',
    description:
      'List the HTTP services hosted by the team. Only one whose service_status is running can be called; see get_container_service for how.',
    parameters: advertised(listContainerServicesInput),
    outputSchema: advertised(listContainerServicesOutput),
    annotations: { title: 'List container services', ...READS },
  })
  async listContainerServices(
    @ToolInput(listContainerServicesInput) _none: object,
    @Ctx() { caller }: ToolContext,
  ): Promise<object> {
    const list = await allPages((page) => this.services.list(caller, page));
    return inFormat(list, 'concise', { key: 'service_list', concise: conciseService });
  }

  @Tool({
    name: 'get_container_service',
    description:
      "Get one service: status, port, usage_prompt (its author's instructions for calling it) and openapi_url (path on the service, to read with call_container_service). Values of its environment and host paths are hidden.",
    parameters: advertised(getContainerServiceInput),
    outputSchema: advertised(getContainerServiceOutput),
    annotations: { title: 'Get a container service', ...READS },
  })
  getContainerService(
    @ToolInput(getContainerServiceInput) { service_slug }: GetContainerServiceInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<ContainerService> {
    const answer = this.services.get(caller, service_slug);
    return withSuggestions(answer, { caller, slug: service_slug, page: namesOf(this.services) });
  }

  @Tool({
    name: 'call_container_service',
    description:
      "Send one HTTP request to a running service and get its answer. status_code is the service's own, errors included; decode body_base64. Read usage_prompt with get_container_service first.",
    parameters: advertised(callContainerServiceInput),
    outputSchema: advertised(callContainerServiceOutput),
    annotations: {
      title: 'Call a container service',
      readOnlyHint: false,
      destructiveHint: true,
      idempotentHint: false,
      openWorldHint: true,
    },
  })
  @RequiresPermission('invoke')
  callContainerService(
    @ToolInput(callContainerServiceInput) { service_slug, ...request }: CallContainerServiceInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<InvokeAnswer> {
    const answer = this.services.invoke(caller, service_slug, request);
    return withSuggestions(answer, { caller, slug: service_slug, page: namesOf(this.services) });
  }
}

const namesOf = (services: ContainerServicesService) => async (caller: Caller, query: PageQuery) => {
  const { service_list, page_meta } = await services.list(caller, query);
  const names = service_list.map(({ service_slug }) => service_slug);
  return { names, count: service_list.length, page_meta };
};

const LONGEST_PROMPT = 200;

/** A service in a list, without its long texts. */
const conciseService = (service: ContainerService): Readonly<Record<string, unknown>> => ({
  ...service,
  usage_prompt: brief(service.usage_prompt, LONGEST_PROMPT),
  last_failure: service.last_failure && { ...service.last_failure, log_lines: undefined },
});
