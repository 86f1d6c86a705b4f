import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';

import { Draining } from './draining.js';

/** Probes for an orchestrator; open to everyone, outside the API's prefix. */
@Controller('health')
export class HealthController {
  constructor(private readonly draining: Draining) {}

  /** 200 while the process can answer at all; a process that cannot is to be restarted. */
  @Get('live')
  live(): { status: string } {
    return { status: 'live' };
  }

  /**
   * 200 while new requests are welcome, 503 from the moment the process is told to end. A Runtime API that does not
   * answer is no reason to send clients elsewhere: every replica would say the same, and the calls report it.
   */
  @Get('ready')
  ready(): { status: string } {
    if (this.draining.isUnderWay) throw new ServiceUnavailableException('shutting down');
    return { status: 'ready' };
  }
}
