import { once } from 'node:events';
import { chmod, lstat, mkdir } from 'node:fs/promises';
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';

import { errorText, StartError } from '../config/index.js';
import { AGENT_PATHS, type AgentHello, CONTAINER_LABEL } from '../contract/index.js';
import { writeLine } from '../tunnel/index.js';
import { Bundles } from './bundles.js';
import { ContainerEngine, type ContainerOptions } from './containers/container-engine.js';
import { Confinement, type ConfinementOptions } from './processes/confinement.js';
import { ProcessGroups } from './processes/process-groups.js';
import { MAIN_PATH, type MainExecution } from './kubernetes/main-execution.js';
import { ContainerExecutor } from './runs/container-executor.js';
import { executorByKind } from './runs/executor.js';
import { HeldRuns } from './runs/held-runs.js';
import type { OnlyRun } from './runs/only-run.js';
import { ProcessExecutor } from './runs/process-executor.js';
import { ServiceHost } from './services/service-host.js';

/** Where an agent keeps its files, where its containers run, and what its programs get. */
interface AgentMachine {
  readonly workDir: string;
  readonly cacheDir: string;
  readonly containers: ContainerOptions;
  readonly confinement: ConfinementOptions;
  /** Variables of every process and container, beside its own. */
  readonly taskEnvironment: Readonly<Record<string, string>>;
}

/** What a worker passes the requests of the gateway on to. */
export interface WorkerParts {
  readonly runs: Pick<HeldRuns, 'serve' | 'list' | 'drain' | 'finished' | 'giveBack' | 'end'>;
  readonly services: Pick<ServiceHost, 'serve' | 'connect' | 'log'> & {
    /** A gateway has asked who this agent is. */
    readonly greeted?: () => void;
  };
  readonly bundles: Pick<Bundles, 'answer'>;
  /** The step of its only run, when that is a container beside this agent. */
  readonly main?: Pick<MainExecution, 'serve'> | undefined;
  /** Ends what is left once the runs have ended. */
  readonly end: () => Promise<void>;
}

/** Answers the requests of the gateway, and tracks the work that they started. */
export class Worker {
  private readonly busy = new Set<Promise<void>>();
  private readonly calls = new Set<Promise<unknown>>();
  private readonly stateReaders = new Set<ServerHttp2Stream>();
  private isDraining = false;

  private isGreeted = false;

  constructor(
    private readonly hello: AgentHello,
    private readonly parts: WorkerParts,
  ) {}

  /**
   * Takes over a work folder: ends the processes and containers, and removes the runs, that an earlier agent left.
   *
   * @param only the run that this agent was started for.
   * @param main the container of its step.
   */
  static async in(
    machine: AgentMachine,
    hello: AgentHello,
    { only, main }: { readonly only?: OnlyRun; readonly main?: WorkerParts['main'] } = {},
  ): Promise<Worker> {
    const { workDir, cacheDir, containers, taskEnvironment: environment } = machine;
    await ownFolder(workDir, '--work-dir');
    await ownFolder(cacheDir, '--cache-dir');
    const engine = await ContainerEngine.find(workDir, { ...containers, environment });
    const labels = [...hello.labels, ...(engine ? [CONTAINER_LABEL] : [])];
    const confinement = await Confinement.find(hiding(machine));
    const groups = new ProcessGroups(workDir, environment);
    const bundles = new Bundles(cacheDir);
    const services = new ServiceHost({ workDir, groups, engine, bundles });
    const executor = executorByKind(new ProcessExecutor(groups, confinement), new ContainerExecutor(engine));
    const runs = new HeldRuns({ workDir, executor, bundles }, only);
    await groups.takeOver();
    await engine?.removeLeftovers();
    await bundles.removeIncoming();
    await runs.takeOver();
    return new Worker({ ...hello, labels }, { runs, services, bundles, main, end: () => groups.endAll() });
  }

  /** Whether a gateway has asked who this agent is. */
  get isKnown(): boolean {
    return this.isGreeted;
  }

  answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const [, area = ''] = /^(\/[^/?]*)/.exec(headers[':path'] ?? '') ?? [];
    if (area === AGENT_PATHS.runs) void this.parts.runs.serve(stream);
    else if (area === AGENT_PATHS.services) this.track(this.parts.services.serve(stream));
    else if (area === AGENT_PATHS.connections) this.call(stream, headers);
    else if (area === AGENT_PATHS.serviceLogs) this.parts.services.log(stream, headers);
    else if (area === AGENT_PATHS.bundles) this.track(this.parts.bundles.answer(stream, headers));
    else if (area === MAIN_PATH && this.parts.main) this.track(this.parts.main.serve(stream));
    else if (area === AGENT_PATHS.hello) this.greet(stream);
    else if (area === AGENT_PATHS.state) this.reportState(stream);
    else stream.respond({ ':status': area === AGENT_PATHS.health ? 204 : 404 }, { endStream: true });
  }

  /**
   * Takes no further runs and reports this to the gateway. Resolves when the runs that it has have ended and are settled, and the
   * calls of its services are answered.
   */
  async drain(): Promise<void> {
    this.isDraining = true;
    this.parts.runs.drain();
    for (const reader of this.stateReaders) void writeLine(reader, { draining: true });
    await this.parts.runs.finished();
    while (this.calls.size > 0) await Promise.all(this.calls);
  }

  /** Ends the runs that are left and gives them back; resolves when the runtime has them. */
  async giveBack(): Promise<void> {
    this.parts.runs.giveBack();
    await this.parts.runs.finished();
  }

  /** Resolves when the work of a connection has ended, which its runs outlast; to be called after the connection. */
  async idle(): Promise<void> {
    await Promise.all(this.busy);
  }

  /** Ends every process and removes all records. */
  async end(): Promise<void> {
    await Promise.all([this.parts.runs.end(), this.parts.end()]);
    await this.idle();
  }

  private get greeting(): AgentHello {
    return { ...this.hello, runs: this.parts.runs.list(), draining: this.isDraining };
  }

  private greet(stream: ServerHttp2Stream): void {
    this.isGreeted = true;
    this.parts.services.greeted?.();
    stream.respond({ ':status': 200, 'content-type': 'application/json' });
    stream.end(JSON.stringify(this.greeting));
  }

  private call(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const over = once(stream, 'close').catch(() => undefined);
    this.calls.add(over);
    void over.finally(() => this.calls.delete(over));
    this.parts.services.connect(stream, headers);
  }

  private reportState(stream: ServerHttp2Stream): void {
    this.stateReaders.add(stream);
    stream.once('close', () => this.stateReaders.delete(stream));
    stream.respond({ ':status': 200, 'content-type': 'application/x-ndjson' });
    void writeLine(stream, { draining: this.isDraining });
  }

  private track(work: Promise<void>): void {
    this.busy.add(work);
    void work.finally(() => this.busy.delete(work));
  }
}

/** Processes see nothing of other runs, of services and of the records of the agent. */
function hiding({ workDir, cacheDir, confinement }: AgentMachine): ConfinementOptions {
  return { ...confinement, hidden: [...confinement.hidden, workDir, cacheDir] };
}

/** Creates a folder, or checks that no other user prepared it: its contents are executed and its pids killed. */
export async function ownFolder(path: string, flag: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw new StartError(
      `The agent's folder ${path} cannot be made: ${errorText(error)}. Name another one with ${flag}.`,
    );
  });
  const uid = process.geteuid?.();
  // Windows has no user ids; it protects the folders of a user in its own way.
  if (uid === undefined) return;
  const facts = await lstat(path);
  if (!facts.isDirectory() || facts.uid !== uid) {
    throw new StartError(
      `The agent's folder ${path} must be a folder of its own user. Name another one with ${flag}.`,
    );
  }
  // Kubernetes opens a volume to a group (fsGroup); the owner can close it again.
  if ((facts.mode & 0o077) !== 0) await chmod(path, 0o700);
}
