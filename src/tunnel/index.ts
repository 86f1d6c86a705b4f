export { answerThrough, askThrough, type StreamListener } from './ends.js';
export { readLines, writeLine } from './ndjson.js';
