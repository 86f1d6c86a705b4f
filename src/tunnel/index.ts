export { http2ClientOver, http2ServerOver, type StreamListener } from './http2-ends.js';
export { keepRunning, untilAborted } from './keep-running.js';
export { InvalidLine, readLines, writeLine } from './ndjson.js';
