import { ConsoleLogger, type LogLevel } from '@nestjs/common';

import type { Config } from '../config/index.js';
import { scopeFields } from '../telemetry/index.js';

import { logLine } from './log-line.js';
import { redact } from './redact.js';

/** Least severe first, in Nest's words. */
const LEVELS: readonly LogLevel[] = ['debug', 'log', 'warn', 'error', 'fatal'];
const FIRST: Record<Config['loggerLevel'], LogLevel> = {
  debug: 'debug',
  info: 'log',
  warn: 'warn',
  error: 'error',
};

/** Contexts of the framework's own start messages, which are logged at level debug only. */
const FRAMEWORK: ReadonlySet<string> = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestFactory',
  'NestMicroservice',
  'RouterExplorer',
  'RoutesResolver',
  'McpStrategy',
]);

/** In a pipe `isTTY` is missing, not false, which Nest's logger would take for true. */
const isTerminal = 'isTTY' in process.stdout && process.stdout.isTTY;

/** Contexts in which Nest reports why it could not start or listen; the command line prints that itself. */
const START_REPORTS: ReadonlySet<string> = new Set(['ExceptionHandler', 'NestApplication']);

/** The log: without the framework's start messages and without credentials; one JSON object per line for machines. */
export class Logger extends ConsoleLogger {
  private readonly isVerbose: boolean;
  private readonly isForPeople: boolean;

  constructor({ loggerLevel, loggerFormat }: Pick<Config, 'loggerLevel' | 'loggerFormat'>) {
    super({
      prefix: 'cyberun',
      json: loggerFormat === 'json',
      colors: loggerFormat === 'text' && isTerminal,
      compact: true,
      logLevels: LEVELS.slice(LEVELS.indexOf(FIRST[loggerLevel])),
    });
    this.isVerbose = loggerLevel === 'debug';
    this.isForPeople = loggerFormat === 'text';
  }

  protected override printMessages(
    ...[messages, context, level, ...rest]: Parameters<ConsoleLogger['printMessages']>
  ): void {
    if (level === 'error' && context !== undefined && START_REPORTS.has(context)) return;
    if (level === 'log' && !this.isVerbose && context !== undefined && FRAMEWORK.has(context)) return;
    const [stream, stack, params] = rest;
    // For people, only where they may have to look further; JSON has them in every line.
    const ids = level === 'log' || level === 'debug' ? {} : scopeFields();
    super.printMessages(
      messages.map((message) => (this.isForPeople ? logLine(redact(message), ids) : redact(message))),
      context,
      level,
      stream,
      redact(stack),
      params && (redact(params) as typeof params),
    );
  }

  /** For machines. */
  protected override getJsonLogObject(
    ...given: Parameters<ConsoleLogger['getJsonLogObject']>
  ): ReturnType<ConsoleLogger['getJsonLogObject']> {
    return { ...super.getJsonLogObject(...given), ...scopeFields() };
  }

  protected override printStackTrace(stack: string): void {
    super.printStackTrace(redact(stack) as string);
  }
}
