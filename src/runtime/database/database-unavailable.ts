import { setTimeout as delay } from 'node:timers/promises';

import { type Logger, ServiceUnavailableException } from '@nestjs/common';

/** The database server cannot be reached at the moment; REST answers 503. The same call may succeed later. */
export class DatabaseUnavailable extends ServiceUnavailableException {
  constructor(cause: unknown) {
    super('The database of this runtime cannot be reached. Try again in a few seconds.', { cause });
  }
}

/** Error classes of PostgreSQL, appendix A: 08 connection, 53300 too many connections, 57P01–57P03 shutdown and start. */
const AWAY =
  /^(08...|53300|57P0[123]|E(CONNREFUSED|CONNRESET|HOSTUNREACH|NETUNREACH|NOTFOUND|AI_AGAIN|PIPE|TIMEDOUT))$/;
/** Errors of the driver, which have no code. */
const AWAY_TEXT =
  /^(Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|Postgres connection has been discarded)/;

/** Passes the result on; an error that means that the server is away becomes {@link DatabaseUnavailable}. */
export async function withoutDatabase<Result>(work: Promise<Result>): Promise<Result> {
  try {
    return await work;
  } catch (error) {
    throw isAway(error) ? new DatabaseUnavailable(error) : error;
  }
}

function isAway(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.every(isAway);
  const { code, message } = error as { code?: unknown; message?: unknown };
  return (typeof code === 'string' && AWAY.test(code)) || AWAY_TEXT.test(String(message));
}

const RETRY_MS = 500;

/**
 * Repeats work that is safe to repeat until the database can be reached.
 *
 * @param signal ends the repetition with the last error.
 */
export async function whenReachable<Result>(
  work: () => Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable) || signal.aborted) throw error;
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

/** Logs a failure; that the database is away is logged once, by the connection for notifications. */
export function logFailure(logger: Logger, message: string, error: unknown): void {
  if (error instanceof DatabaseUnavailable) logger.debug(`${message}: the database cannot be reached`);
  else logger.error({ message, error });
}
