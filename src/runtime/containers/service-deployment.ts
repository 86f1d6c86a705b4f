import type { ClientHttp2Stream } from 'node:http2';

import { AGENT_PATHS, type ServiceOrder, type ServiceReport, serviceReport } from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import { BundleRefused } from '../bundles/index.js';
import type { ConnectedAgent } from '../gateway/index.js';

/** One service in the care of one agent, from the order to the moment nothing of it is left there. */
export class ServiceDeployment {
  /** Resolves when the agent has stopped it, or is gone itself. */
  readonly over: Promise<void>;
  private readonly stream: ClientHttp2Stream;

  /** @param deliver takes the files of the service to the agent. */
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

  /** Asks the agent to stop it. */
  stop(): void {
    this.stream.end();
  }

  private async follow(order: ServiceOrder, deliver: () => Promise<void>): Promise<void> {
    try {
      await deliver();
      await writeLine(this.stream, order);
      for await (const line of readLines(this.stream)) this.report(serviceReport.parse(line));
    } catch (error) {
      // Otherwise the agent is gone, and everything it ran is with it.
      if (error instanceof BundleRefused)
        this.report({ state: 'failed', failure: { reason: error.message, log_lines: [] } });
    }
    this.stream.close();
  }
}
