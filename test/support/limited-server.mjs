// The built server, with limits that a test can wait for. On SIGUSR2 it says what it holds once all garbage is gone.
import 'reflect-metadata';

import { readConfig } from '../../dist/config/index.js';
import { serve } from '../../dist/serve.js';

process.on('SIGUSR2', () => {
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  console.log(JSON.stringify({ message: 'held', heapUsed, external }));
});

const [role, limits] = process.argv.slice(2);
const config = readConfig(role);
await serve({ ...config, limits: { ...config.limits, ...JSON.parse(limits) } });
