import { Agent } from 'undici';

/** A host that does not answer at all is given up after this; the answer itself may take as long as the run. */
const CONNECT_LIMIT_MS = 30_000;

/**
 * Connections of the agent's own HTTP calls. Without a dispatcher of their own they run on the one built into Node,
 * another version of undici, which ends the process when a server closes a connection after a large body. undici's
 * default limits for headers and body are off: they would end a call before the time its workflow gives it.
 */
export const dispatcher = new Agent({
  headersTimeout: 0,
  bodyTimeout: 0,
  connect: { timeout: CONNECT_LIMIT_MS },
});
