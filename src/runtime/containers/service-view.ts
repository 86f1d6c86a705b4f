import type { ContainerService } from '../../contract/index.js';
import { lastExit, latestFailure } from './replica-history.js';
import {
  isServing,
  whyNotRunning,
  type Replica,
  replicaState,
  type RunningService,
  stateOf,
} from './service-state.js';

/** The last lines that a replica has written, by its deployment. */
export type ReplicaLogs = ReadonlyMap<string, readonly string[] | undefined>;

/** What a view needs beside the rows of a service. */
export interface ServiceSurroundings {
  /** The address of this server for clients. */
  readonly publicUrl: string;
  /** Whether a connected agent has the labels of the service. */
  readonly obstacle: string | undefined;
}

/** A service in a list, without its logs. */
export function listedService(
  service: RunningService,
  { publicUrl, obstacle }: ServiceSurroundings,
): ContainerService {
  const { definition, id, createdAt, replicas } = service;
  const { slug, display_name, service_desc, usage_prompt, openapi_url } = definition;
  const updatedAt = Math.max(...[service, ...replicas].map(({ updatedAt: at }) => at.getTime()));
  const last_failure = latestFailure(replicas);
  const status_reason = whyNotRunning(service, obstacle);
  return {
    id,
    service_slug: slug,
    display_name: display_name ?? slug,
    service_type: 'deployed',
    service_status: stateOf(service),
    ...(status_reason !== undefined && { status_reason }),
    created_at: createdAt.toISOString(),
    updated_at: new Date(updatedAt).toISOString(),
    ...(service_desc !== undefined && { service_desc }),
    ...(definition.docker_image !== undefined && { docker_image: definition.docker_image }),
    exposed_port: definition.port,
    health_path: definition.health_path,
    env_config: definition.env_config,
    volume_config: definition.volume_config ?? [],
    required_labels: definition.required_labels,
    gpu_count: definition.gpu_count ?? 0,
    replica_count: definition.replica_count,
    running_replicas: replicas.filter(isServing).length,
    ...(usage_prompt !== undefined && { usage_prompt }),
    ...(openapi_url !== undefined && { openapi_url }),
    ...(last_failure && { last_failure: withoutLog(last_failure) }),
    url: `${publicUrl}/api/v1/r/containers/${slug}`,
  };
}

/** A service with the state and the log of each replica. */
export function serviceView(
  service: RunningService,
  surroundings: ServiceSurroundings,
  logs: ReplicaLogs,
): ContainerService {
  const last_failure = latestFailure(service.replicas);
  return {
    ...listedService(service, surroundings),
    ...(last_failure && { last_failure }),
    replicas: service.replicas.map((replica) => replicaView(replica, logs.get(replica.deploymentId))),
  };
}

function replicaView(replica: Replica, log_lines: readonly string[] | undefined): ReplicaView {
  const last_exit = lastExit(replica.history);
  return {
    replica: replica.replica,
    replica_status: replicaState(replica),
    agent_id: replica.agentId,
    updated_at: replica.updatedAt.toISOString(),
    ...(last_exit && { last_exit }),
    ...(log_lines && { log_lines: [...log_lines] }),
  };
}

type ReplicaView = NonNullable<ContainerService['replicas']>[number];
type LastFailure = NonNullable<ContainerService['last_failure']>;

function withoutLog({ log_lines: _log, ...failure }: LastFailure): LastFailure {
  return failure;
}
