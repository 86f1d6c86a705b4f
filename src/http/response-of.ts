import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** The response under way on a connection. Node keeps it there for itself, and decides by it what is asked here too. */
export const responseOf = (socket: Duplex): ServerResponse | undefined =>
  (Reflect.get(socket, '_httpMessage') as ServerResponse | null | undefined) ?? undefined;
