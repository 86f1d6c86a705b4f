// Finds Helm 4 or builds it with Go, which needs no download site beyond Go's module proxy.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

const VERSION = 'v4.2.4';
/** What `helm version` says of it: go install knows no patch level. */
const SAYS = /^v4\.2(\.\d+)?$/;
const CACHE = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'cyberun-mcp', `helm-${VERSION}`);
/** The client of Kubernetes is most of what is compiled, and no rendering uses it: it is not optimized. */
const FLAGS = ['-gcflags=k8s.io/...=-N -l', '-gcflags=github.com/google/...=-N -l', '-ldflags=-s -w'];
/** Where Go's own installer puts it; not always on PATH. */
const GO_HOME = '/usr/local/go/bin';

/**
 * Path of a Helm of the pinned minor version: the one in $HELM, on PATH or in the cache, else one built now (minutes).
 *
 * @throws {Error} saying what to install, when there is neither Helm nor Go.
 */
export function findHelm() {
  const built = join(CACHE, 'helm');
  for (const candidate of [process.env.HELM, 'helm', built])
    if (candidate && isRight(candidate)) return candidate;
  build();
  if (!isRight(built)) throw new Error(`${built} was built, but does not say that it is Helm ${VERSION}.`);
  return built;
}

function isRight(helm) {
  const { status, stdout } = spawnSync(helm, ['version', '--template', '{{.Version}}'], { encoding: 'utf8' });
  return status === 0 && SAYS.test(stdout.trim());
}

function build() {
  mkdirSync(CACHE, { recursive: true });
  const path = [process.env.PATH, GO_HOME].join(delimiter);
  console.log(`Building Helm ${VERSION} with go install; this takes minutes, once.`);
  const { status, error } = spawnSync('go', ['install', ...FLAGS, `helm.sh/helm/v4/cmd/helm@${VERSION}`], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, PATH: path, GOBIN: CACHE },
  });
  if (error || status !== 0) {
    const hint = existsSync(join(GO_HOME, 'go')) ? '' : ' Go was not found.';
    throw new Error(
      `Helm ${VERSION} is needed and could not be built.${hint} Install Helm ${VERSION}, or Go 1.26 or newer.`,
    );
  }
}
