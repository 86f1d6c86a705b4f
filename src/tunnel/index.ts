export { answerThrough, askThrough, type StreamListener } from './ends.js';
export { keepRunning } from './keep-running.js';
export { InvalidLine, readLines, writeLine } from './ndjson.js';
