import { createHash } from 'node:crypto';

import type { ServiceState } from '../../contract/index.js';
import type { ConnectedAgent } from '../gateway/index.js';
import type { ServiceDefinition } from './service-definition.js';
import type { ServiceDeployment } from './service-deployment.js';
import { FailureRecord } from './service-failure.js';

/** A defined service, where it runs, and how it is. */
export class HostedService {
  readonly id: string;
  readonly createdAt = new Date();
  updatedAt = this.createdAt;
  state: ServiceState = 'created';
  readonly failures = new FailureRecord();
  /** Where it listens on its agent while it is running. */
  port: number | undefined;
  /** `undefined` while no agent has it. */
  deployment: ServiceDeployment | undefined;
  /** Its file is gone; so will it be, once it has stopped. */
  isRemoved = false;

  constructor(
    readonly teamId: string,
    public definition: ServiceDefinition,
  ) {
    this.id = stableId(`${teamId}/${definition.slug}`);
  }

  /** The agent that answers for it; `undefined` unless it is running. */
  get runningOn(): ConnectedAgent | undefined {
    const agent = this.state === 'running' ? this.deployment?.agent : undefined;
    return agent?.isConnected ? agent : undefined;
  }

  become(state: ServiceState): void {
    this.state = state;
    this.updatedAt = new Date();
  }
}

/** A UUID (version 8) that is the same for the same name on every start. */
function stableId(name: string): string {
  const hex = createHash('sha256').update(name).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
