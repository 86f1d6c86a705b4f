#!/usr/bin/env node
import 'reflect-metadata';

import { commandLine } from './command-line.js';
import { startFailure } from './start-failure.js';

try {
  await commandLine().parseAsync();
} catch (error) {
  process.stderr.write(`${startFailure(error)}\n`);
  process.exit(1);
}
