export { type DeadlineAnswer, DeadlineWorker } from './deadline-worker.js';
