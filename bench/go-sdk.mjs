import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const SOURCES = join(import.meta.dirname, 'servers', 'go-sdk');
const PROGRAM = join(import.meta.dirname, '..', 'results', 'bench-go-sdk');
const GO = ['/usr/local/go/bin/go', '/usr/lib/go/bin/go'].find(existsSync) ?? 'go';

let built;

/** The program of the Go SDK's server, built once per run; undefined, with a sentence, where that is not possible. */
export function goSdkServer() {
  built ??= build();
  return built.program;
}

function build() {
  const { status, error, stderr } = spawnSync(GO, ['build', '-o', PROGRAM, '.'], {
    cwd: SOURCES,
    encoding: 'utf8',
  });
  if (status === 0) return { program: PROGRAM };
  const reason = error ? 'Go is not installed' : `go build failed: ${stderr.trim()}`;
  console.log(`The official Go SDK's server is left out: ${reason}.`);
  return {};
}
