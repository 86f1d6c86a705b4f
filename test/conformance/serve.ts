import 'reflect-metadata';

import { KEY, ServerUnderTest } from './server-under-test.js';

// Serves the endpoint for the official suite until it is told to end; scripts/conformance.mjs starts it.
const server = await ServerUnderTest.start({ hasFixtures: process.argv.includes('--fixtures') });
process.once('SIGTERM', () => void server[Symbol.asyncDispose]());
process.stdout.write(`${JSON.stringify({ endpoint: server.endpoint, key: KEY })}\n`);
