import type { ClientHttp2Stream } from 'node:http2';

import { Inject, Injectable, Logger } from '@nestjs/common';

import {
  AGENT_PATHS,
  type OutputFile,
  type RunCommand,
  runReport,
  type RunReport,
} from '../../contract/index.js';
import { readLines, writeLine } from '../../tunnel/index.js';
import { FilesService } from '../files/index.js';
import { type ClaimedRun, type StoredOutput, TaskRuns } from '../tasks/index.js';
import type { ConnectedAgent } from './connected-agent.js';

/** An agent that was told to cancel and does not is left alone with it. */
const CANCEL_LIMIT_MS = 5000;
const FAILURE_LIMIT = 16_384;

/** How a run ended, as far as this gateway can tell. */
type Verdict = Extract<RunReport, { type: 'completed' | 'failed' }> | { readonly type: 'interrupted' };

/** Gives a run to an agent and tells the task what becomes of it. */
@Injectable()
export class RunDispatch {
  private readonly logger = new Logger('Gateway');

  constructor(
    @Inject(TaskRuns) private readonly tasks: TaskRuns,
    @Inject(FilesService) private readonly files: FilesService,
  ) {}

  /** Resolves when the run is over, whatever its end. */
  async perform(agent: ConnectedAgent, run: ClaimedRun): Promise<void> {
    const stored: StoredOutput[] = [];
    const verdict = await this.run(agent, run, stored).catch((error: unknown) =>
      this.cutOff(agent, run, error),
    );
    if (run.signal.aborted) return;
    if (verdict.type === 'completed') {
      agent.tasksCompleted += 1;
      await this.tasks.completed(run, verdict.output ?? null, stored);
    } else if (verdict.type === 'failed') await this.tasks.failed(run, verdict.error.slice(0, FAILURE_LIMIT));
    else await this.tasks.interrupted(run);
  }

  private async run(agent: ConnectedAgent, run: ClaimedRun, stored: StoredOutput[]): Promise<Verdict> {
    const files = await this.inputs(agent, run).catch((error: unknown) => (error as Error).message);
    if (typeof files === 'string') return { type: 'failed', error: files };
    if (!agent.isConnected || run.signal.aborted) return { type: 'interrupted' };
    const stream = agent.session.request({ ':method': 'POST', ':path': AGENT_PATHS.runs });
    stream.on('error', () => undefined);
    const cancel = (): void => cancelRun(stream);
    run.signal.addEventListener('abort', cancel, { once: true });
    try {
      await send(stream, { type: 'order', order: { ...run.order, files } });
      return await this.follow(stream, { agent, run, stored });
    } finally {
      run.signal.removeEventListener('abort', cancel);
      stream.close();
    }
  }

  private async follow(
    stream: ClientHttp2Stream,
    { agent, run, stored }: { agent: ConnectedAgent; run: ClaimedRun; stored: StoredOutput[] },
  ): Promise<Verdict> {
    for await (const line of readLines(stream)) {
      const report = runReport.parse(line);
      if (report.type === 'completed' || report.type === 'failed') return report;
      if (report.type === 'started') await this.tasks.started(run);
      if (report.type === 'progress') await this.tell(run, report);
      if (report.type === 'outputs') await this.offerUploads(stream, report.files, { agent, run, stored });
    }
    return { type: 'interrupted' };
  }

  private cutOff({ agentId }: ConnectedAgent, { taskId }: ClaimedRun, error: unknown): Verdict {
    this.logger.warn(`task ${taskId} was cut off on agent ${agentId}: ${(error as Error).message}`);
    return { type: 'interrupted' };
  }

  /** A run is not lost for the sake of one report on its way. */
  private async tell(
    run: ClaimedRun,
    { type: _type, ...progress }: Extract<RunReport, { type: 'progress' }>,
  ): Promise<void> {
    await this.tasks.progress(run, progress).catch((error: unknown) => this.logger.error(error));
  }

  private inputs(agent: ConnectedAgent, run: ClaimedRun) {
    return Promise.all(
      run.fileParameters.map(async ({ parameter, fileKey }) => {
        const { url, fileName } = await this.files.inputLink(run.teamId, fileKey, agent.audience);
        return { parameter, file_name: fileName, url };
      }),
    );
  }

  private async offerUploads(
    stream: ClientHttp2Stream,
    files: readonly OutputFile[],
    { agent, run, stored }: { agent: ConnectedAgent; run: ClaimedRun; stored: StoredOutput[] },
  ): Promise<void> {
    const uploads = await Promise.all(
      files.map(async (file) => {
        const { fileKey, url, headers } = await this.files.outputUpload(run, file, agent.audience);
        stored.push({ file, fileKey });
        return { name: file.name, url, headers };
      }),
    );
    await send(stream, { type: 'uploads', uploads });
  }
}

function send(stream: ClientHttp2Stream, command: RunCommand): Promise<void> {
  return writeLine(stream, command);
}

/** Asks first, so that the agent can end the run and say when it is gone; insists when it does not. */
function cancelRun(stream: ClientHttp2Stream): void {
  void send(stream, { type: 'cancel' });
  const insist = setTimeout(() => stream.close(8), CANCEL_LIMIT_MS);
  stream.once('close', () => clearTimeout(insist));
}
