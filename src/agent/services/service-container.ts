import { PORT_REFERENCE, type ServiceOrder } from '../../contract/index.js';
import type { ContainerEngine } from '../containers/container-engine.js';
import type { Container } from '../containers/container.js';

/** Where the files beside a definition are in its container. */
const FILES = '/cyberun/files';

interface ServiceContainer {
  /** `undefined`: this agent has none. */
  readonly engine: ContainerEngine | undefined;
  /** Folder of the files beside the definition. */
  readonly files: string | undefined;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Starts the container of a service, as the user of its image.
 *
 * @returns it and its port on the loopback interface of this machine.
 */
export async function startServiceContainer(
  { service_slug, replica, command, environment }: ServiceOrder,
  container: NonNullable<ServiceOrder['container']>,
  { engine, files, log, signal }: ServiceContainer,
): Promise<{ readonly execution: Container; readonly port: number }> {
  if (!engine) throw new Error('this agent has no container engine');
  const { port, ...spec } = container;
  const execution = await engine.start({
    spec,
    arguments: command.map((word) => (PORT_REFERENCE.test(word) ? String(port) : word)),
    environment: {
      CYBERUN_SERVICE_SLUG: service_slug,
      CYBERUN_SERVICE_REPLICA: String(replica),
      ...environment,
      PORT: String(port),
    },
    user: 'image',
    volumes: files === undefined ? [] : [{ host_path: files, container_path: FILES, read_only: true }],
    port,
    labels: { 'cyberun.service': service_slug, 'cyberun.replica': String(replica) },
    log,
    signal,
  });
  return { execution, port: await execution.publishedPort(port) };
}
