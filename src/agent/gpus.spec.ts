import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

import { Logger } from '@nestjs/common';
import { expect, it, onTestFinished, vi } from 'vitest';

import { findGpus } from './gpus.js';

Logger.overrideLogger(false);

/** A program of this name on the PATH. */
function fakeSmi(script: string | undefined): void {
  const folder = mkdtempSync(join(tmpdir(), 'gpus-'));
  const { PATH = '' } = process.env;
  if (script !== undefined) {
    writeFileSync(join(folder, 'nvidia-smi'), `#!/bin/sh\n${script}\n`);
    chmodSync(join(folder, 'nvidia-smi'), 0o755);
  }
  vi.stubEnv('PATH', [folder, PATH].join(delimiter));
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true });
  });
}

it('an agent finds the names and memory of its GPUs', async () => {
  fakeSmi(
    'test "$*" = "--query-gpu=name,memory.total --format=csv,noheader,nounits" && printf "NVIDIA A100-SXM4-80GB, 81920\\nNVIDIA GH200 480GB, [N/A]\\n"',
  );
  expect(await findGpus()).toEqual([
    { name: 'NVIDIA A100-SXM4-80GB', memory_bytes: 81_920 * 1024 * 1024 },
    { name: 'NVIDIA GH200 480GB' },
  ]);
});

it.each([
  ['fails', 'echo "NVIDIA-SMI has failed because it could not communicate with the driver"; exit 9'],
  ['finds none', 'exit 0'],
  ['writes something else', 'echo "No devices were found"'],
])('an agent has no GPU when nvidia-smi %s', async (_how, script) => {
  fakeSmi(script);
  expect(await findGpus()).toEqual([]);
});

it('an agent has no GPU where nvidia-smi is missing', async () => {
  vi.stubEnv('PATH', tmpdir());
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(await findGpus()).toEqual([]);
});

it('an agent starts without its GPUs when nvidia-smi hangs', async () => {
  fakeSmi('sleep 600 & sleep 600');
  expect(await findGpus(200)).toEqual([]);
});
