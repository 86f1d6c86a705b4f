import 'reflect-metadata';

import { KEY, ServerUnderTest } from './server-under-test.js';
import { isSubject } from './subjects.js';

// Serves the endpoint for the official suite until SIGTERM; start-server.ts starts it.
const [, , subject] = process.argv;
if (!isSubject(subject)) throw new Error(`there is no subject ${subject}`);
const server = await ServerUnderTest.start(subject);
process.once('SIGTERM', () => {
  process.disconnect();
  void server[Symbol.asyncDispose]();
});
process.send?.({ endpoint: server.endpoint, key: KEY });
