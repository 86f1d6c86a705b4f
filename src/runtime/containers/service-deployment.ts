import type { ClientHttp2Stream } from 'node:http2';

import { AGENT_PATHS, type ServiceOrder, type ServiceReport, serviceReport } from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import type { ConnectedAgent } from '../gateway/index.js';

/** One service in the care of one agent, from the order to the moment nothing of it is left there. */
export class ServiceDeployment {
  /** Resolves when the agent has stopped it, or is gone itself. */
  readonly over: Promise<void>;
  private readonly stream: ClientHttp2Stream;

  constructor(
    readonly agent: ConnectedAgent,
    order: ServiceOrder,
    private readonly report: (report: ServiceReport) => void,
  ) {
    this.stream = agent.session.request({ ':method': 'POST', ':path': AGENT_PATHS.services });
    this.stream.on('error', () => undefined);
    this.over = this.follow(order);
  }

  /** Asks the agent to stop it. */
  stop(): void {
    this.stream.end();
  }

  private async follow(order: ServiceOrder): Promise<void> {
    try {
      await writeLine(this.stream, order);
      for await (const line of readLines(this.stream)) this.report(serviceReport.parse(line));
    } catch {
      // The agent is gone, and everything it ran is with it.
    }
    this.stream.close();
  }
}
