// Loaded into a server by NODE_OPTIONS: SIGUSR2 blocks its main thread, as a bug or an overload does.
import { isMainThread } from 'node:worker_threads';

const BLOCK_MS = 5000;

if (isMainThread) {
  process.on('SIGUSR2', () => {
    const end = Date.now() + BLOCK_MS;
    while (Date.now() < end);
  });
}
