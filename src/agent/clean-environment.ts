import { dirname, delimiter } from 'node:path';

/** Variables of ours a process cannot do without on Windows. */
const WINDOWS = ['SystemRoot', 'ComSpec', 'PATHEXT', 'windir'];
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * What every process an agent starts has in its environment, and nothing else of ours: the agent's own may hold
 * secrets. `node` is the one that runs the agent.
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
