import { Controller, Get, Injectable, ServiceUnavailableException } from '@nestjs/common';

/** Why a server that shuts down is not ready. */
export const SHUTTING_DOWN = 'shutting down';

/** Whether this process is shutting down; set once, never unset. */
@Injectable()
export class Draining {
  private hasBegun = false;
  private readonly listeners: (() => void)[] = [];

  begin(): void {
    this.hasBegun = true;
    for (const listener of this.listeners) listener();
  }

  onBegin(listener: () => void): void {
    this.listeners.push(listener);
  }

  get isUnderWay(): boolean {
    return this.hasBegun;
  }
}

/** Returns why the process cannot serve requests at the moment; `undefined` when it can. */
type ReadinessCheck = () => Promise<string | undefined>;

/** What requests depend on, beside the process itself. */
@Injectable()
export class Readiness {
  private readonly checks: ReadinessCheck[] = [];

  require(check: ReadinessCheck): void {
    this.checks.push(check);
  }

  async problem(): Promise<string | undefined> {
    const answers = await Promise.all(this.checks.map((check) => check()));
    return answers.find((answer) => answer !== undefined);
  }
}

/** Probes for an orchestrator; they need no key and are outside the API's prefix. */
@Controller('health')
export class HealthController {
  constructor(
    private readonly draining: Draining,
    private readonly readiness: Readiness,
  ) {}

  /** 200 while the process can answer at all; otherwise it should be restarted. */
  @Get('live')
  live(): { status: string } {
    return { status: 'live' };
  }

  /**
   * 200 while new requests are accepted; 503 from SIGTERM on, and while the database of an embedded runtime is away. It
   * does not depend on a Runtime API elsewhere: when that is down, every replica would report the same, and the calls
   * themselves report it.
   */
  @Get('ready')
  async ready(): Promise<{ status: string }> {
    if (this.draining.isUnderWay) throw new ServiceUnavailableException(SHUTTING_DOWN);
    const problem = await this.readiness.problem();
    if (problem !== undefined) throw new ServiceUnavailableException(problem);
    return { status: 'ready' };
  }
}
