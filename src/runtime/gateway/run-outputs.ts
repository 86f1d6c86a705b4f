import { setImmediate as turn } from 'node:timers/promises';

import type { OutputFile, OutputLimits, RunCommand } from '../../contract/index.js';
import type { Audience, FilesService } from '../files/index.js';
import type { ClaimedRun, StoredOutput } from '../tasks/index.js';

/** So many links are signed before anything else has its turn; each takes part of a millisecond. */
const BATCH = 20;

/** A run that cannot succeed, whatever its agent does; the message is for those who submitted it. */
export class RunRefused extends Error {
  override readonly name = 'RunRefused';
}

/** The files of one run: where its agent may store them, as many as are kept of one task. */
export class RunOutputs {
  private readonly offered = new Map<string, StoredOutput>();
  private count = 0;
  private bytes = 0;

  constructor(
    private readonly run: ClaimedRun,
    private readonly audience: Audience,
    private readonly files: FilesService,
    readonly limits: OutputLimits,
  ) {}

  /** @throws {RunRefused} when these are more than is kept. */
  async links(wanted: readonly OutputFile[]): Promise<Extract<RunCommand, { type: 'uploads' }>> {
    this.count += wanted.length;
    for (const { size } of wanted) this.bytes += size;
    this.checkLimits();
    const uploads = [];
    for (const [index, file] of wanted.entries()) {
      const { fileKey, url, headers } = await this.files.outputUpload(this.run, file, this.audience);
      this.offered.set(file.name, { file, fileKey });
      uploads.push({ name: file.name, url, headers });
      if (index % BATCH === BATCH - 1) await turn();
    }
    return { type: 'uploads', uploads };
  }

  /** Of the files that the agent says it has stored, those it was given a link for. */
  stored(files: readonly OutputFile[]): StoredOutput[] {
    return [...new Set(files.map(({ name }) => name))].flatMap((name) => this.offered.get(name) ?? []);
  }

  private checkLimits(): void {
    const { files, bytes } = this.limits;
    if (this.count > files) {
      throw new RunRefused(
        `The run left more than ${files} files, which is the most that is kept of one task. Pack them into one archive, or have the operator raise CYBERUN_FILES_OUTPUT_COUNT.`,
      );
    }
    if (this.bytes <= bytes) return;
    throw new RunRefused(
      `The run left more than ${bytes} bytes of files, which is the most that is kept of one task. Leave less, or have the operator raise CYBERUN_FILES_OUTPUT_BYTES.`,
    );
  }
}
