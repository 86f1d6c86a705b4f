import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux and macOS give to outgoing connections. */
const [LOWEST, END] = [12_000, 32_000] as const;
const TRIES = 100;

/**
 * A port of this machine that no program listens at. An outgoing connection of another test does not get it either, so that
 * its server may start later, and again after it was killed.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < TRIES; tries += 1) {
    const port = randomInt(LOWEST, END);
    if (await isFree(port)) return port;
  }
  throw new Error(`${TRIES} ports from ${LOWEST} to ${END} were all taken`);
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer().listen(port, '127.0.0.1');
  try {
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
