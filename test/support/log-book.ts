import { inspect } from 'node:util';

import type { LoggerService } from '@nestjs/common';

/** Keeps what is logged, so that a test can look for what must not be there. */
export class LogBook implements LoggerService {
  readonly lines: string[] = [];

  log(...parts: unknown[]): void {
    this.write(parts);
  }

  error(...parts: unknown[]): void {
    this.write(parts);
  }

  warn(...parts: unknown[]): void {
    this.write(parts);
  }

  debug(...parts: unknown[]): void {
    this.write(parts);
  }

  get text(): string {
    return this.lines.join('\n');
  }

  private write(parts: unknown[]): void {
    this.lines.push(
      parts.map((part) => (typeof part === 'string' ? part : inspect(part, { depth: 8 }))).join(' '),
    );
  }
}
