import type { ClientHttp2Stream } from 'node:http2';

import { AGENT_PATHS, type ServiceOrder, type ServiceReport, serviceReport } from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import { BundleRejected } from '../bundles/index.js';
import type { ConnectedAgent } from '../gateway/index.js';

/** One deployment of a service on an agent, from the order until all its processes have ended. */
export class ServiceDeployment {
  /** Resolves when the agent has stopped it or has disconnected. */
  readonly over: Promise<void>;
  private readonly stream: ClientHttp2Stream;

  /** @param deliver sends the files of the service to the agent. */
  constructor(
    readonly agent: ConnectedAgent,
    order: ServiceOrder,
    private readonly report: (report: ServiceReport) => void,
    deliver: () => Promise<void>,
  ) {
    this.stream = agent.session.request({ ':method': 'POST', ':path': AGENT_PATHS.services });
    this.stream.on('error', () => undefined);
    this.over = this.follow(order, deliver);
  }

  stop(): void {
    this.stream.end();
  }

  private async follow(order: ServiceOrder, deliver: () => Promise<void>): Promise<void> {
    try {
      await deliver();
      await writeLine(this.stream, order);
      for await (const line of readLines(this.stream)) this.report(serviceReport.parse(line));
    } catch (error) {
      // Otherwise the agent has disconnected, and has stopped its services.
      if (error instanceof BundleRejected)
        this.report({ state: 'failed', failure: { reason: error.message, log_lines: [] } });
    }
    this.stream.close();
  }
}
