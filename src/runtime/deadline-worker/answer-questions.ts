import type { MessagePort } from 'node:worker_threads';

/** The other side of a DeadlineWorker: says that the thread is ready, then answers each question. */
export function answerQuestions(port: MessagePort | null, answerTo: (question: never) => unknown): void {
  const post = (answer: unknown): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    port?.postMessage(answer);
  };
  port?.on('message', (question) => post(answerTo(question as never)));
  post('ready');
}
