import type { ContainerService } from '../../contract/index.js';
import type { HostedService } from './hosted-service.js';

/** Path of a service's proxy below the public address. */
const proxyPath = (slug: string): string => `/api/v1/r/containers/${slug}`;

/** A service as the API shows it; `publicUrl` is the address clients reach this server by. */
export function serviceView(service: HostedService, publicUrl: string): ContainerService {
  const { definition, id, state, createdAt, updatedAt } = service;
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
    url: publicUrl + proxyPath(slug),
  };
}
