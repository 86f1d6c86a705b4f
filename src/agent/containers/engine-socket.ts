import { homedir } from 'node:os';
import { join } from 'node:path';

const UNIX = /^unix:\/\//;

/** Where Docker and Podman listen, in the order in which they are tried. */
export function usualSockets(environment: NodeJS.ProcessEnv = process.env): string[] {
  if (process.platform === 'win32') return [];
  const { DOCKER_HOST, XDG_RUNTIME_DIR } = environment;
  const uid = process.geteuid?.() ?? 0;
  const runtimeFolders = [XDG_RUNTIME_DIR, uid === 0 ? undefined : `/run/user/${uid}`];
  const ofUser = runtimeFolders.flatMap((folder) =>
    folder === undefined ? [] : [join(folder, 'podman/podman.sock'), join(folder, 'docker.sock')],
  );
  return [
    ...new Set([
      ...(DOCKER_HOST !== undefined && UNIX.test(DOCKER_HOST) ? [DOCKER_HOST.replace(UNIX, '')] : []),
      '/var/run/docker.sock',
      ...ofUser,
      '/run/podman/podman.sock',
      join(homedir(), '.docker/run/docker.sock'),
    ]),
  ];
}
