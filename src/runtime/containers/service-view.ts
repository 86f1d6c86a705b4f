import type { ContainerService } from '../../contract/index.js';
import type { HostedService } from './hosted-service.js';

/** Path of a service's proxy below the public address. */
const proxyPath = (slug: string): string => `/api/v1/r/containers/${slug}`;

/** A service as the API shows it; `publicUrl` is the address clients reach this server by. */
export function serviceView(service: HostedService, publicUrl: string): ContainerService {
  const { definition, id, state, createdAt, updatedAt } = service;
  const last_failure = service.failures.view;
  const { slug, display_name, service_desc, usage_prompt, openapi_url } = definition;
  return {
    id,
    service_slug: slug,
    display_name: display_name ?? slug,
    service_type: 'deployed',
    service_status: state,
    created_at: createdAt.toISOString(),
    updated_at: updatedAt.toISOString(),
    ...(service_desc !== undefined && { service_desc }),
    exposed_port: definition.port,
    health_path: definition.health_path,
    env_config: definition.env_config,
    volume_config: [],
    required_labels: definition.required_labels,
    gpu_count: 0,
    replica_count: definition.replica_count,
    ...(usage_prompt !== undefined && { usage_prompt }),
    ...(openapi_url !== undefined && { openapi_url }),
    ...(last_failure && { last_failure }),
    url: publicUrl + proxyPath(slug),
  };
}

/** A service as a list shows it: its log is in its own view. */
export function withoutLog({ last_failure, ...service }: ContainerService): ContainerService {
  if (!last_failure) return service;
  const { log_lines: _log, ...failure } = last_failure;
  return { ...service, last_failure: failure };
}
