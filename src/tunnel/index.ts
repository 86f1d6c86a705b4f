export { answerThrough, askThrough, type StreamListener } from './ends.js';
export { InvalidLine, readLines, writeLine } from './ndjson.js';
