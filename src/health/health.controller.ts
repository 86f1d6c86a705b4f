import { Controller, Get, Injectable, ServiceUnavailableException } from '@nestjs/common';

/** Whether this process is shutting down; set once, never unset. */
@Injectable()
export class Draining {
  private hasBegun = false;

  begin(): void {
    this.hasBegun = true;
  }

  get isUnderWay(): boolean {
    return this.hasBegun;
  }
}

/** Probes for an orchestrator; they need no key and are outside the API's prefix. */
@Controller('health')
export class HealthController {
  constructor(private readonly draining: Draining) {}

  /** 200 while the process can answer at all; otherwise it should be restarted. */
  @Get('live')
  live(): { status: string } {
    return { status: 'live' };
  }

  /**
   * 200 while new requests are accepted, 503 from SIGTERM on. It does not depend on the Runtime API: when that is down,
   * every replica would report the same, and the calls themselves report it.
   */
  @Get('ready')
  ready(): { status: string } {
    if (this.draining.isUnderWay) throw new ServiceUnavailableException('shutting down');
    return { status: 'ready' };
  }
}
