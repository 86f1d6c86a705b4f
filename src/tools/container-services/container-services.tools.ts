import { Ctx } from '@nestjs/microservices';
import { McpController, Tool } from '@rekog/mcp-nest';

import type { ContainerService, PageQuery } from '../../contract/index.js';
import { advertised, RequiresPermission, ToolContext, ToolInput } from '../../mcp/index.js';
import type { Caller } from '../../upstream/index.js';
import { brief, inFormat } from '../concise.js';
import { READS } from '../tool-definition.js';
import { withSuggestions } from '../suggestions.js';
import { marked } from '../untrusted.js';
import {
  type CallContainerServiceInput,
  callContainerServiceInput,
  callContainerServiceOutput,
  type GetContainerServiceInput,
  getContainerServiceInput,
  getContainerServiceOutput,
  type ListContainerServicesInput,
  listContainerServicesInput,
  listContainerServicesOutput,
} from './container-services.schemas.js';
import { ContainerServicesService } from './container-services.service.js';
import { allPages } from './all-pages.js';
import { encodedRequest, readableAnswer } from './service-bodies.js';

/** What an agent can do with the HTTP services its team hosts. */
@McpController()
export class ContainerServicesTools {
  constructor(private readonly services: ContainerServicesService) {}

  @Tool({
    name: 'list_container_services',
    description:
      'List the HTTP services that the team hosts, with state and description; of more than 40 only names and states. query keeps those with all its words. Use a service for a quick answer, a workflow for long work or files. Before a call, read get_container_service.',
    parameters: advertised(listContainerServicesInput),
    outputSchema: advertised(listContainerServicesOutput),
    annotations: { title: 'List container services', ...READS },
  })
  async listContainerServices(
    @ToolInput(listContainerServicesInput) { query = '' }: ListContainerServicesInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<object> {
    const list = await allPages((page) => this.services.list(caller, page));
    const found = list.service_list.filter((service) => hasWords(service, query));
    const concise = found.length > MANY ? briefService : conciseService;
    const counted =
      query && list.page_meta ? { page_meta: { ...list.page_meta, total_count: found.length } } : {};
    return inFormat({ ...list, ...counted, service_list: found }, 'concise', {
      key: 'service_list',
      concise,
    });
  }

  @Tool({
    name: 'get_container_service',
    description:
      'Get one service: its state, usage_prompt (how its author wants it to be called; read it before call_container_service), openapi_url (a path of the service), and last_failure with the last lines of its log when it fails. Values of its environment and host paths are hidden.',
    parameters: advertised(getContainerServiceInput),
    outputSchema: advertised(getContainerServiceOutput),
    annotations: { title: 'Get a container service', ...READS },
  })
  async getContainerService(
    @ToolInput(getContainerServiceInput) { service_slug }: GetContainerServiceInput,
    @Ctx() { caller }: ToolContext,
  ): Promise<ContainerService> {
    const answer = this.services.get(caller, service_slug);
    const lookup = { caller, slug: service_slug, page: namesOf(this.services) };
    return marked(await withSuggestions(answer, lookup), SERVICE_LOGS);
  }

  @Tool({
    name: 'call_container_service',
    description:
      "Send one HTTP request to a running service and get its answer. status_code is the service's own, errors included; the body comes as body_json, body_text, a small image, or body_base64, and what is too large as a link. The request may change or delete data. Read usage_prompt with get_container_service first.",
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
  async callContainerService(
    @ToolInput(callContainerServiceInput) { service_slug, prefer, ...request }: CallContainerServiceInput,
    @Ctx() { caller, replyBytes }: ToolContext,
  ): Promise<object> {
    const linkAbove = Math.floor(replyBytes * FITS);
    const answer = this.services.invoke(caller, service_slug, encodedRequest(request), linkAbove);
    const lookup = { caller, slug: service_slug, page: namesOf(this.services) };
    return readableAnswer(await withSuggestions(answer, lookup), prefer);
  }
}

/** What the service itself wrote. Its descriptions are by the team, for models. */
const SERVICE_LOGS = ['last_failure.log_lines', 'replicas[].log_lines'];

const namesOf = (services: ContainerServicesService) => async (caller: Caller, query: PageQuery) => {
  const { service_list, page_meta } = await services.list(caller, query);
  const names = service_list.map(({ service_slug }) => service_slug);
  return { names, count: service_list.length, page_meta };
};

/** Share of a reply that a body may have to fit into it, in base64 or as text with characters that JSON escapes. */
const FITS = 0.5;
/** Of more services a list only has the names. */
const MANY = 40;
const LONGEST_PROMPT = 200;

/** A service in a list, without its long texts. */
const conciseService = (service: ContainerService): Readonly<Record<string, unknown>> => ({
  ...service,
  usage_prompt: brief(service.usage_prompt, LONGEST_PROMPT),
  last_failure: service.last_failure && { ...service.last_failure, log_lines: undefined },
});

const briefService = ({
  id,
  service_slug,
  display_name,
  service_status,
  status_reason,
}: ContainerService): Readonly<Record<string, unknown>> => ({
  id,
  service_slug,
  display_name,
  service_status,
  status_reason,
});

function hasWords(
  { service_slug, display_name, service_desc, usage_prompt }: ContainerService,
  query: string,
): boolean {
  const text = [service_slug, display_name, service_desc, usage_prompt].join(' ').toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
