import type { MessagePort } from 'node:worker_threads';

/** The other side of a DeadlineWorker: says that the thread is ready, then answers each question. */
export function answerQuestions<Question, Answer>(
  port: MessagePort | null,
  answerTo: (question: Question) => Answer,
): void {
  const post = (answer: Answer | 'ready'): void => {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
    port?.postMessage(answer);
  };
  port?.on('message', (question: Question) => post(answerTo(question)));
  post('ready');
}
