export { type DeadlineAnswer, DeadlineWorker, HEAP_MB } from './deadline-worker.js';
