import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';

import { Logger } from '@nestjs/common';

import { errorText } from '../config/index.js';
import type { AgentHello } from '../contract/index.js';
import { cleanEnvironment } from './processes/process-groups.js';
import { kill } from './processes/process-table.js';

const logger = new Logger('Agent');
const PROGRAM = 'nvidia-smi';
const QUERY = ['--query-gpu=name,memory.total', '--format=csv,noheader,nounits'];
/** It hangs while a driver is broken; the agent then starts without its GPUs. */
const LIMIT_MS = 5000;
const isWindows = process.platform === 'win32';
const MEBIBYTE = 1024 * 1024;

/** The NVIDIA GPUs of this machine; none where `nvidia-smi` is missing, fails, or does not answer in time. */
export async function findGpus(limitMs: number = LIMIT_MS): Promise<AgentHello['gpus']> {
  const child = spawn(PROGRAM, QUERY, {
    env: cleanEnvironment(tmpdir(), tmpdir()),
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: !isWindows,
    windowsHide: true,
  });
  const over = new AbortController();
  try {
    const late = delay(limitMs, undefined, { signal: over.signal }).then(() => {
      throw new Error(`it did not answer within ${limitMs / 1000} s`);
    });
    const [output, [code]] = await Promise.race([
      Promise.all([text(child.stdout), once(child, 'exit') as Promise<[number | null]>]),
      late,
    ]);
    if (code !== 0) throw new Error(`it ended with exit code ${code}`);
    return output.split('\n').flatMap(gpuOf);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      logger.warn(`The GPUs of this machine are not known, since ${PROGRAM} failed: ${errorText(error)}.`);
    return [];
  } finally {
    over.abort();
    if (child.pid !== undefined) kill(isWindows ? child.pid : -child.pid);
    // One that waits for its driver cannot be killed.
    child.stdout.destroy();
    child.unref();
  }
}

/** From `NVIDIA A100-SXM4-80GB, 81920`; the memory, in MiB, is `[N/A]` where it is shared with the processor. */
function gpuOf(line: string): AgentHello['gpus'] {
  const [, name, memory] = /^\s*(.+?)\s*,\s*([^,]+?)\s*$/.exec(line) ?? [];
  if (name === undefined) return [];
  const size = Number(memory);
  return [{ name: name.slice(0, 200), ...(Number.isSafeInteger(size) && { memory_bytes: size * MEBIBYTE }) }];
}
