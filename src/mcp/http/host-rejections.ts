import { Logger } from '@nestjs/common';

import { CODE, JsonRpcHttpError } from '../protocol/index.js';

const SETTINGS = { Host: 'CYBERUN_MCP_ALLOWED_HOSTS', Origin: 'CYBERUN_MCP_ALLOWED_ORIGINS' } as const;

/** How many names are logged, and how much of each: clients choose them. */
const CAP = 100;
const LONGEST = 200;

/** Refuses hosts and origins that are not allowed, in words an operator can act on; each is logged once. */
export class HostRejections {
  private readonly logger = new Logger(HostRejections.name);
  private readonly logged = new Set<string>();

  error(status: 400 | 403, header: keyof typeof SETTINGS, value: string): JsonRpcHttpError {
    const setting = SETTINGS[header];
    this.logOnce(header, value.slice(0, LONGEST));
    const message = `Invalid ${header}: ${value}. If this server is to answer for it, add it to ${setting}, which replaces the default list`;
    return new JsonRpcHttpError(status, CODE.serverError, message);
  }

  private logOnce(header: keyof typeof SETTINGS, value: string): void {
    const name = `${header}: ${value}`;
    if (this.logged.has(name) || this.logged.size >= CAP) return;
    this.logged.add(name);
    this.logger.warn(
      `MCP requests with "${name}" are refused. If they should be served, add the name to ${SETTINGS[header]}, which replaces the default list. Further ones are not logged.`,
    );
  }
}
