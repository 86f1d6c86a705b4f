import { ConflictException, type HttpException } from '@nestjs/common';

import type { ContainerService, ServiceReport } from '../../contract/index.js';
import type { HostedService } from './hosted-service.js';

/** A service that ran this long has recovered from whatever made it fail. */
const STEADY_MS = 60_000;

/** The failures of a service since it last ran steadily. */
export class FailureRecord {
  private last: { readonly failure: NonNullable<ServiceReport['failure']>; readonly at: Date } | undefined;
  private count = 0;
  private runningSince: number | undefined;

  add(failure: NonNullable<ServiceReport['failure']>): void {
    this.count = this.isOver ? 1 : this.count + 1;
    this.last = { failure, at: new Date() };
    this.runningSince = undefined;
  }

  running(): void {
    this.runningSince = performance.now();
  }

  /** For a new definition, which shares nothing with what failed. */
  clear(): void {
    this.last = undefined;
    this.count = 0;
  }

  /** As the API shows it; `undefined` when it has not failed lately. */
  get view(): NonNullable<ContainerService['last_failure']> | undefined {
    if (!this.last || this.isOver) return undefined;
    const { failure, at } = this.last;
    return { ...failure, failed_at: at.toISOString(), failures_in_a_row: this.count };
  }

  private get isOver(): boolean {
    return this.runningSince !== undefined && performance.now() - this.runningSince > STEADY_MS;
  }
}

/** Says why a service cannot be called now, and what to do. */
export function notRunning({ definition, state, failures }: HostedService): HttpException {
  const what = `Service "${definition.slug}" is ${state}, not running.`;
  const failure = failures.view;
  if (!failure) {
    return new ConflictException(`${what} Ask for it again until its service_status is running.`);
  }
  const { reason, failed_at, failures_in_a_row, log_lines } = failure;
  const times = failures_in_a_row === 1 ? 'once' : `${failures_in_a_row} times in a row`;
  const log = log_lines?.length ? `\nThe end of its log:\n${log_lines.join('\n')}` : ' It wrote no log.';
  return new ConflictException(
    `${what} It has failed ${times}, last at ${failed_at}: ${reason}. It is started again by itself, but what makes it fail has to be corrected first.${log}`,
  );
}
