#!/usr/bin/env node
import { nodeRefusal } from './node-floor.js';
// Notes the parent before anything that takes time.
import './parent-process.js';

const refusal = nodeRefusal();
if (refusal !== undefined) {
  process.stderr.write(`cyberun-mcp: ${refusal}\n`);
  process.exit(1);
}
// Only now: dependencies end in a stack trace on a Node that is too old for them.
await import('reflect-metadata');
const [{ commandLine }, { startFailure }] = await Promise.all([
  import('./command-line.js'),
  import('./start-failure.js'),
]);

try {
  await commandLine().parseAsync();
} catch (error) {
  process.stderr.write(`${startFailure(error)}\n`);
  process.exit(1);
}
