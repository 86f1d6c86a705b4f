import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Logger } from '@nestjs/common';
import { z } from 'zod';

import { errorText } from '../../config/index.js';
import { endReport, logChunk, outputLimits, parseExact } from '../../contract/index.js';
import { bootId } from '../processes/process-table.js';
import { RunFolder } from './run-folder.js';

const logger = new Logger('Agent');

/** How a run has ended, for as long as the runtime does not have the report. */
const endedRun = z.object({
  /** After a crash of the machine the files of a run may be incomplete; then it is run again. */
  boot_id: z.literal(bootId),
  run: z.object({
    task_id: z.string(),
    attempt: z.number().int().min(1),
    timeout_seconds: z.number().int().min(0),
    output_limits: outputLimits.optional(),
  }),
  /** How long the run waits for the runtime. */
  hold_seconds: z.number().positive(),
  /** What the runtime has not stored of the log. */
  log: z.object({
    chunks: z.array(logChunk),
    next_line: z.number().int().min(1),
    last_stored: z.number().int().min(0),
  }),
  end: z.discriminatedUnion('type', [
    /** Its steps have ended, and not all of its outputs are stored. */
    z.object({
      type: z.literal('outputs'),
      /** Name of its folder. */
      folder: z.string().regex(/^run-\w+$/),
      /** Of a last step `call: http`. */
      answer: z.unknown().optional(),
    }),
    endReport,
  ]),
});
export type EndedRun = Omit<z.infer<typeof endedRun>, 'boot_id'>;

/**
 * A small file for each run that has ended, until the runtime has its report. When this agent is killed before, the next
 * one with the work folder delivers the report.
 */
export class RunRecords {
  private readonly folder: string;

  constructor(private readonly workDir: string) {
    this.folder = join(workDir, 'reports');
    mkdirSync(this.folder, { recursive: true, mode: 0o700 });
  }

  /** For a new run; nothing is written yet. */
  next(): RunRecord {
    return new RunRecord(join(this.folder, `${randomUUID()}.json`));
  }

  /** What an earlier agent left; files that cannot be used are removed. */
  left(): { readonly record: RunRecord; readonly ended: EndedRun }[] {
    return readdirSync(this.folder).flatMap((name) => {
      const record = new RunRecord(join(this.folder, name));
      const ended = record.read();
      const isUsable =
        ended && (ended.end.type !== 'outputs' || RunFolder.isAt(this.workDir, ended.end.folder));
      if (!isUsable) record.remove();
      return isUsable ? [{ record, ended }] : [];
    });
  }
}

/** The record of one run. What cannot be written or removed is only logged: the run itself does not depend on it. */
export class RunRecord {
  constructor(private readonly file: string) {}

  write(ended: EndedRun): void {
    const incoming = `${this.file}.incoming`;
    try {
      writeFileSync(incoming, JSON.stringify({ boot_id: bootId, ...ended }), { mode: 0o600 });
      renameSync(incoming, this.file);
    } catch (error) {
      logger.warn(`the end of a run cannot be recorded at ${this.file}: ${errorText(error)}`);
    }
  }

  read(): EndedRun | undefined {
    try {
      return endedRun.parse(parseExact(readFileSync(this.file, 'utf8')));
    } catch {
      return undefined;
    }
  }

  remove(): void {
    try {
      rmSync(this.file, { recursive: true, force: true });
    } catch (error) {
      logger.warn(`${this.file} cannot be removed: ${errorText(error)}`);
    }
  }
}
