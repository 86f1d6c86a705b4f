import { setImmediate as turn } from 'node:timers/promises';

import type { OutputFile, OutputLimits, RunCommand } from '../../contract/index.js';
import { type Audience, type FilesService, TeamFilesFull } from '../files/index.js';
import type { ClaimedRun, StoredOutput } from '../tasks/index.js';

/** Links signed before the event loop continues; each takes part of a millisecond. */
const BATCH = 20;

/** A run that cannot succeed on any agent; the message is for the submitter of the task. */
export class RunRejected extends Error {
  override readonly name = 'RunRejected';
}

/** The output files of one run: upload links for the agent, within the limits of a task. */
export class RunOutputs {
  private count = 0;
  private bytes = 0;

  constructor(
    private readonly run: ClaimedRun,
    private readonly audience: Audience,
    private readonly files: FilesService,
    readonly limits: OutputLimits,
  ) {}

  /** @throws {RunRejected} when the limits of a task, or those of its team, are exceeded. */
  async announce(wanted: readonly OutputFile[]): Promise<void> {
    const count = this.count + wanted.length;
    const bytes = this.bytes + wanted.reduce((sum, { size }) => sum + size, 0);
    this.checkLimits(count, bytes);
    await this.files.announceOutputs(this.run, wanted).catch((error: unknown) => {
      throw error instanceof TeamFilesFull ? new RunRejected(error.message) : error;
    });
    this.count = count;
    this.bytes = bytes;
  }

  /** Upload links of announced outputs. */
  async links(wanted: readonly OutputFile[]): Promise<Extract<RunCommand, { type: 'uploads' }>> {
    const uploads = [];
    for (const [index, file] of wanted.entries()) {
      const { fileKey: _key, ...links } = await this.files.outputUpload(this.run, file, this.audience);
      uploads.push({ name: file.name, ...links });
      if (index % BATCH === BATCH - 1) await turn();
    }
    return { type: 'uploads', uploads };
  }

  /** The files that the agent has reported as stored; links of some may come from the node that had the run before. */
  stored(files: readonly OutputFile[]): StoredOutput[] {
    const byName = new Map(files.map((file) => [file.name, file]));
    const bytes = [...byName.values()].reduce((sum, { size }) => sum + size, 0);
    this.checkLimits(Math.max(this.count, byName.size), Math.max(this.bytes, bytes));
    return [...byName.values()].map((file) => ({ file, fileKey: this.files.outputKey(this.run, file) }));
  }

  private checkLimits(hasFiles: number, hasBytes: number): void {
    const { files, bytes } = this.limits;
    if (hasFiles > files) {
      throw new RunRejected(
        `The run left more than ${files} files, which is the most that is kept of one task. Pack them into one archive, or have the operator raise CYBERUN_FILES_OUTPUT_COUNT.`,
      );
    }
    if (hasBytes <= bytes) return;
    throw new RunRejected(
      `The run left more than ${bytes} bytes of files, which is the most that is kept of one task. Leave less, or have the operator raise CYBERUN_FILES_OUTPUT_BYTES.`,
    );
  }
}
