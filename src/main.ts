#!/usr/bin/env node
// Also records the parent process, so it is loaded before anything that takes time.
import { keepCompiledCode, unsupportedNode } from './preflight.js';

const problem = unsupportedNode();
if (problem !== undefined) {
  process.stderr.write(`cyberun-mcp: ${problem}\n`);
  process.exit(1);
}
// Not before: on a Node that is too old, what follows fails with a stack trace.
keepCompiledCode();
await import('reflect-metadata');
const { commandLine, startFailure } = await import('./command-line.js');

try {
  await commandLine().parseAsync();
} catch (error) {
  process.stderr.write(`${startFailure(error)}\n`);
  process.exit(1);
}
