import { dirname, delimiter } from 'node:path';

/** Variables that every process on Windows needs. */
const WINDOWS = ['SystemRoot', 'ComSpec', 'PATHEXT', 'windir'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The environment of every process that the agent starts. The agent's own variables are not passed on, as they may
 * contain secrets. `node` on the PATH is the one that runs the agent.
 */
export function cleanEnvironment(home: string, temporary: string): Record<string, string> {
  const { PATH = DEFAULT_PATH, LANG = 'C.UTF-8' } = process.env;
  const kept = process.platform === 'win32' ? WINDOWS.map((name) => [name, process.env[name] ?? '']) : [];
  return {
    ...(Object.fromEntries(kept) as Record<string, string>),
    PATH: [dirname(process.execPath), PATH].join(delimiter),
    HOME: home,
    TMPDIR: temporary,
    LANG,
  };
}
