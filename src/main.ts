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
const { CLIENT_COMMANDS, CommandError, clientCommandLine } = await import('./commands/index.js');

/** For output that is still on its way. */
const END_MS = 1000;

// Loading what a server needs takes most of a second.
const isClient = CLIENT_COMMANDS.includes(process.argv[2] ?? '');
try {
  await (isClient ? clientCommandLine() : await serverCommandLine()).parseAsync();
  // A name that is being looked up would hold the process long after the findings are printed.
  if (process.argv[2] === 'doctor') setTimeout(() => process.exit(), END_MS).unref();
} catch (error) {
  const isExpected = error instanceof CommandError;
  process.stderr.write(`${isExpected ? `cyberun-mcp: ${error.message}` : await failureText(error)}\n`);
  process.exit(isExpected ? error.exitCode : 1);
}

async function serverCommandLine() {
  await import('reflect-metadata');
  return (await import('./command-line.js')).commandLine();
}

async function failureText(error: unknown): Promise<string> {
  await import('reflect-metadata');
  return (await import('./command-line.js')).startFailure(error);
}
