import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';

import { AGENT_PATHS, type AgentHello } from '../contract/index.js';
import { Bundles } from './bundles.js';
import { ProcessGroups } from './processes/index.js';
import { RunFolder } from './runs/run-folder.js';
import { RunStream } from './runs/run-stream.js';
import { ServiceHost } from './services/service-host.js';
import { ownFolder } from './work-dir.js';

/** Answers what the gateway asks of an agent, and knows when all of it is done. */
export class Worker {
  private readonly groups: ProcessGroups;
  private readonly bundles: Bundles;
  private readonly services: ServiceHost;
  private readonly busy = new Set<Promise<void>>();

  private constructor(
    private readonly hello: AgentHello,
    private readonly workDir: string,
  ) {
    this.groups = new ProcessGroups(workDir);
    this.bundles = new Bundles(workDir);
    this.services = new ServiceHost({ workDir, groups: this.groups, bundles: this.bundles });
  }

  /** Takes over a work folder; what an earlier agent left in it is ended and removed first. */
  static async in(workDir: string, hello: AgentHello): Promise<Worker> {
    await ownFolder(workDir);
    const worker = new Worker(hello, workDir);
    await worker.groups.takeOver();
    await RunFolder.removeAll(workDir);
    return worker;
  }

  answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const [, area = ''] = /^(\/[^/?]*)/.exec(headers[':path'] ?? '') ?? [];
    if (area === AGENT_PATHS.runs) this.track(this.run(stream));
    else if (area === AGENT_PATHS.services) this.track(this.services.serve(stream));
    else if (area === AGENT_PATHS.connections) this.services.connect(stream, headers);
    else if (area === AGENT_PATHS.bundles) this.track(this.bundles.answer(stream, headers));
    else if (area === AGENT_PATHS.hello) greet(stream, this.hello);
    else stream.respond({ ':status': area === AGENT_PATHS.health ? 204 : 404 }, { endStream: true });
  }

  /** Resolves when nothing that was ordered goes on any more; ordering has to end first. */
  async idle(): Promise<void> {
    await Promise.all(this.busy);
  }

  /** Ends every process and leaves nothing on record. */
  async end(): Promise<void> {
    await this.groups.endAll();
    await this.idle();
  }

  private run(stream: ServerHttp2Stream): Promise<void> {
    return new RunStream(stream, {
      workDir: this.workDir,
      groups: this.groups,
      bundles: this.bundles,
    }).serve();
  }

  private track(work: Promise<void>): void {
    this.busy.add(work);
    void work.finally(() => this.busy.delete(work));
  }
}

function greet(stream: ServerHttp2Stream, hello: AgentHello): void {
  stream.respond({ ':status': 200, 'content-type': 'application/json' });
  stream.end(JSON.stringify(hello));
}
