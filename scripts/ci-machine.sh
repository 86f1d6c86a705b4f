#!/bin/sh
# Installs on a new Debian machine what `npm run verify` needs: nginx for the conformance suite and the faults; Redis, openssl
# and HAProxy for the replicas; pgbouncer in front of PostgreSQL; Helm (built with Go, which must be there) for the chart; buildah, podman with runc, and debootstrap for a
# stand-in base image where no registry can be reached; promtool of Prometheus for the alerts; busybox for an image of a few files; bubblewrap confines processes;
# Chromium for the console; jq for the commands of the documentation.
# May be run again at any time; takes seconds then.
set -eu

packages='nginx haproxy redis-server postgresql pgbouncer openssl buildah podman runc busybox-static bubblewrap chromium debootstrap prometheus jq ca-certificates'
# shellcheck disable=SC2086
if ! dpkg-query --show $packages > /dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086
  apt-get install --yes -qq --no-install-recommends $packages > /dev/null
fi

# Compilers that collect no garbage below this limit need a third less of a processor.
export GOGC=off GOMEMLIMIT=3GiB

if ! command -v versitygw > /dev/null && [ ! -x "$HOME/go/bin/versitygw" ]; then
  # Without optimization it compiles in two thirds of the time; nothing measures it.
  GOBIN="$HOME/go/bin" PATH="$PATH:/usr/local/go/bin" go install -gcflags='github.com/...=-N -l' -ldflags='-s -w' \
    github.com/versity/versitygw/cmd/versitygw@v1.8.0
fi

cd "$(dirname "$0")/.."
exec node --input-type=module --eval "
  import { findHelm } from './scripts/helm.mjs';
  console.log('Helm:', findHelm());
"
