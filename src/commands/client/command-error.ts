/** How a command has ended. */
export const EXIT_CODES = {
  done: 0,
  refused: 1,
  failed: 3,
  cancelled: 4,
  unreachable: 5,
  signedOut: 6,
} as const;

/** All exit codes, for docs/command-line.md. */
export const EXIT_CODE_MEANINGS: Readonly<Record<number, string>> = {
  [EXIT_CODES.done]: 'Done. Of a command that waits for a task: the task is completed.',
  [EXIT_CODES.refused]:
    'Refused or failed; standard error has a sentence that says why, and what to do. `doctor`: a check has failed.',
  2: 'Only a part was done: `apply --partial`.',
  [EXIT_CODES.failed]: '`run`, `tasks watch`, `tasks result`: the task has failed.',
  [EXIT_CODES.cancelled]: '`run`, `tasks watch`, `tasks result`: the task was cancelled.',
  [EXIT_CODES.unreachable]: 'The server is not reachable, or does not answer in time.',
  [EXIT_CODES.signedOut]: 'There is no key, or the server refuses it.',
  130: 'Ctrl-C. A task that was waited for goes on.',
  143: 'SIGTERM. A task that was waited for goes on.',
};

/** Ends a command. The message is a sentence for the person or program that gave it, and holds no secret. */
export class CommandError extends Error {
  override readonly name = 'CommandError';

  constructor(
    message: string,
    readonly exitCode: number = EXIT_CODES.refused,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
