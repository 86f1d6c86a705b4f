import { Module } from '@nestjs/common';

import { LogLimits } from './log-limits.js';
import { LogReader } from './log-reader.js';
import { LogWriter } from './log-writer.js';

/** What the steps of runs write to standard output and standard error. */
@Module({ providers: [LogLimits, LogReader, LogWriter], exports: [LogReader, LogWriter] })
export class LogsModule {}
