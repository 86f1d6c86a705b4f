import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Logger } from '@nestjs/common';
import type Docker from 'dockerode';

import { StartError } from '../../config/index.js';
import type { ContainerSpec } from '../../contract/index.js';
import { AllowedVolumes } from './allowed-volumes.js';
import { Container, removeContainer } from './container.js';
import { engineMessage, containerStartFailure } from './container-failure.js';
import { type ContainerPlan, createOptionsOf } from './create-options.js';
import { type EngineFacts, factsOfEngine } from './engine-facts.js';
import { usualSockets } from './engine-socket.js';
import { Images } from './images.js';

const logger = new Logger('Agent');

/** Time for an engine to say what it is. */
const PROBE_LIMIT_MS = 20_000;
/** Label of all containers of a work folder: the contents of {@link OWNER_FILE}. */
const OWNER_LABEL = 'cyberun.owner';
const OWNER_FILE = 'container-owner';

export interface ContainerOptions {
  /** Path of the socket of Docker or Podman; `auto`: where they usually listen; `off`: no containers. */
  readonly socket: string;
  /** Absolute paths that containers may have as volumes; see {@link AllowedVolumes}. */
  readonly volumes: readonly string[];
  /** File of registry credentials, as `docker login` writes it. */
  readonly registryCredentials?: string | undefined;
  /** Linux capabilities that containers keep. */
  readonly capabilities: readonly string[];
}

interface EngineOptions extends ContainerOptions {
  /** Variables of every container; its own win. */
  readonly environment: Readonly<Record<string, string>>;
}

/** A container to start: what its definition says, and what the agent adds. */
export interface ContainerWork extends Omit<ContainerPlan, 'image' | 'resources' | 'capabilities'> {
  readonly spec: ContainerSpec;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Docker or Podman on this machine. */
export class ContainerEngine {
  private readonly images: Images;
  private readonly volumes: AllowedVolumes;

  private constructor(
    private readonly docker: Docker,
    readonly facts: EngineFacts,
    private readonly owner: string,
    private readonly options: EngineOptions,
  ) {
    this.images = new Images(docker, options.registryCredentials);
    this.volumes = new AllowedVolumes(options.volumes);
  }

  /**
   * The first engine that answers; `undefined` when there is none.
   *
   * @throws {StartError} when the options name one that does not answer.
   */
  static async find(workDir: string, options: EngineOptions): Promise<ContainerEngine | undefined> {
    const isNamed = options.socket !== 'auto';
    for (const socketPath of socketsFor(options.socket)) {
      try {
        const docker = await dockerAt(socketPath);
        const engine = new ContainerEngine(docker, await probed(docker), await ownerOf(workDir), options);
        logger.log(`containers run in ${engine.facts.name} at ${socketPath}`);
        return engine;
      } catch (error) {
        const problem = silenceOf(socketPath, error);
        if (isNamed) throw new StartError(`${problem} Start it, or set --container-socket off.`);
        logger.warn(problem);
      }
    }
    const why = options.socket === 'off' ? 'they are switched off' : 'no Docker or Podman was found';
    logger.log(`containers do not run on this agent: ${why}`);
    return undefined;
  }

  /** @throws {ContainerFailure} when the container cannot start; the reason of the signal when it is aborted. */
  async start({ spec, log, signal, ...work }: ContainerWork): Promise<Container> {
    const volumes = await Promise.all(spec.volumes.map((volume) => this.volumes.check(volume)));
    const image = await this.images.provide({ spec, log, signal });
    const options = createOptionsOf(
      {
        ...work,
        image,
        environment: { ...this.options.environment, ...work.environment },
        resources: spec.resources,
        volumes: [...work.volumes, ...volumes],
        capabilities: this.options.capabilities,
        labels: { ...work.labels, [OWNER_LABEL]: this.owner },
      },
      this.facts,
    );
    signal.throwIfAborted();
    try {
      return await this.created(options, spec);
    } catch (error) {
      signal.throwIfAborted();
      throw containerStartFailure(error, spec.image);
    }
  }

  /** Ends and removes the containers that an earlier agent left. */
  async removeLeftovers(): Promise<void> {
    const filters = { label: [`${OWNER_LABEL}=${this.owner}`] };
    const left = await this.docker.listContainers({ all: true, filters });
    await Promise.all(
      left.map(async ({ Id }) => {
        const container = this.docker.getContainer(Id);
        // Podman waits for the container otherwise.
        await container.kill({ signal: 'SIGKILL' }).catch(() => undefined);
        await removeContainer(container);
      }),
    );
    if (left.length > 0) logger.log(`removed ${left.length} containers of an earlier agent`);
  }

  private async created(
    options: Docker.ContainerCreateOptions,
    { resources }: ContainerSpec,
  ): Promise<Container> {
    const container = await this.docker.createContainer(options);
    try {
      // Before the start, so that no output is lost.
      const attached = await container.attach({ stream: true, stdout: true, stderr: true });
      await container.start();
      return new Container(container, attached, resources.memory_bytes);
    } catch (error) {
      await removeContainer(container);
      throw error;
    }
  }
}

/** What answers at a socket of a container engine, or why nothing does. */
interface SeenEngine {
  readonly socket: string;
  /** As in `Podman 5.2.1`. */
  readonly name?: string;
  readonly problem?: string;
}

/** Asks the engines that an agent would try; with `auto`, none may be there. */
export function seenEngines(socket: string): Promise<SeenEngine[]> {
  return Promise.all(
    socketsFor(socket).map(async (path) => {
      try {
        return { socket: path, name: (await probed(await dockerAt(path))).name };
      } catch (error) {
        return { socket: path, problem: silenceOf(path, error) };
      }
    }),
  );
}

function socketsFor(socket: string): string[] {
  if (socket === 'off') return [];
  return socket === 'auto'
    ? usualSockets().filter((path) => existsSync(path))
    : [socket.replace(/^unix:\/\//, '')];
}

const silenceOf = (socket: string, error: unknown): string =>
  `The container engine at ${socket} does not answer: ${engineMessage(error)}.`;

/** Loaded on first use: it takes longer than the rest of an agent. */
async function dockerAt(socketPath: string): Promise<Docker> {
  const { default: Engine } = await import('dockerode');
  return new Engine({ socketPath });
}

async function probed(docker: Docker): Promise<EngineFacts> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${PROBE_LIMIT_MS / 1000} s`)), PROBE_LIMIT_MS);
  });
  try {
    return await Promise.race([factsOfEngine(docker), limit]);
  } finally {
    clearTimeout(timer);
  }
}

/** Identifies the work folder, also where two agents have work folders of the same path. */
async function ownerOf(workDir: string): Promise<string> {
  const file = join(workDir, OWNER_FILE);
  const known = await readFile(file, 'utf8').catch(() => '');
  if (known !== '') return known;
  const owner = randomUUID();
  await writeFile(file, owner, { mode: 0o600 });
  return owner;
}
