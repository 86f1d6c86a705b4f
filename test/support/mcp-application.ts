import type { AddressInfo } from 'node:net';

import { vi } from 'vitest';

import { createApplication } from '../../src/application.js';
import { Addresses, readConfig } from '../../src/config/index.js';
import { drainMcp } from '../../src/mcp/index.js';

/** The real application in role mcp, in this process, in front of a runtime. */
export interface McpApplication extends AsyncDisposable {
  readonly endpoint: string;
  /** Everything it logged, at the most talkative level. */
  readonly log: () => string;
}

/** Starts it on a free port; what it writes is kept instead of shown. */
export async function startMcp(
  runtimeUrl: string,
  settings: Record<string, string> = {},
  options: Parameters<typeof createApplication>[1] = {},
): Promise<McpApplication> {
  const written: string[] = [];
  const keep = (chunk: unknown): boolean => {
    written.push(String(chunk));
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation(keep),
  );
  const config = readConfig('mcp', {
    CYBERUN_RUNTIME_URL: runtimeUrl,
    CYBERUN_HTTP_PORT: '0',
    CYBERUN_LOGGER_LEVEL: 'debug',
    CYBERUN_LOGGER_FORMAT: 'json',
    ...settings,
  });
  const app = await createApplication(config, options);
  await app.listen(config.httpPort, config.httpHost);
  const { port } = app.getHttpServer().address() as AddressInfo;
  await app.get(Addresses).announce(port);
  return {
    endpoint: `http://127.0.0.1:${port}/api/v1/mcp`,
    log: () => written.join(''),
    [Symbol.asyncDispose]: async () => {
      await drainMcp(app, 1000);
      await app.close();
      for (const spy of spies) spy.mockRestore();
    },
  };
}
