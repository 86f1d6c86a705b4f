import type { Readable } from 'node:stream';

import type Docker from 'dockerode';
import type { AuthConfig } from 'dockerode';

import type { ContainerSpec } from '../../contract/index.js';
import { readLines } from '../../tunnel/index.js';
import { ContainerFailure, engineMessage, engineStatus } from './container-failure.js';
import { credentialsFor } from './registry-credentials.js';

interface Wanted {
  readonly spec: Pick<ContainerSpec, 'image' | 'pull_policy'>;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

/** The images of an engine. */
export class Images {
  /** @param credentials file of registry credentials. */
  constructor(
    private readonly docker: Docker,
    private readonly credentials: string | undefined,
  ) {}

  /**
   * Pulls the image where its pull policy asks for that; afterwards it is there.
   *
   * @returns the name by which the engine has it.
   * @throws {ContainerFailure}
   */
  async provide({ spec, log, signal }: Wanted): Promise<string> {
    const image = withTag(spec.image);
    if (spec.pull_policy !== 'always' && (await this.has(image))) return image;
    if (spec.pull_policy === 'never') {
      throw new ContainerFailure(
        `image ${spec.image} is not on this agent, and the pull policy is never: pull it there, or choose pullPolicy ifNotPresent`,
      );
    }
    log(`Pulling image ${image}`);
    const credentials = await credentialsFor(image, this.credentials);
    try {
      await this.pull(image, credentials, signal);
    } catch (error) {
      signal.throwIfAborted();
      const saying = engineMessage(error);
      const advice = UNAUTHORIZED.test(saying) ? adviceOn(credentials) : '';
      throw new ContainerFailure(`image ${spec.image} cannot be pulled: ${saying}${advice}`);
    }
    return image;
  }

  private async has(image: string): Promise<boolean> {
    try {
      await this.docker.getImage(image).inspect();
      return true;
    } catch (error) {
      if (engineStatus(error) === 404) return false;
      throw new ContainerFailure(`the container engine of the agent did not answer: ${engineMessage(error)}`);
    }
  }

  private async pull(
    image: string,
    authconfig: AuthConfig | undefined,
    abortSignal: AbortSignal,
  ): Promise<void> {
    const stream = await this.docker.pull(image, { abortSignal, ...(authconfig && { authconfig }) });
    for await (const line of readLines(stream as Readable)) {
      // The answer is 200 also when the pull fails.
      const { error } = line as { error?: string };
      if (error !== undefined) throw new Error(error);
    }
  }
}

/** What Docker and Podman say when a registry does not give an image to this user. */
const UNAUTHORIZED = /unauthori[sz]ed|authentication required|no basic auth|access .*denied|: denied/i;

const adviceOn = (credentials: AuthConfig | undefined): string =>
  credentials
    ? '; the registry refused the credentials of this agent: its operator can correct them in the file of --registry-credentials'
    : '; this agent has no credentials for the registry: its operator can add them to the file of --registry-credentials';

/** Without a tag, engines pull every tag of a repository. */
function withTag(image: string): string {
  const name = image.slice(image.lastIndexOf('/') + 1);
  return /[:@]/.test(name) ? image : `${image}:latest`;
}
