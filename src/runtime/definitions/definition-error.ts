/** Why a definition file cannot be used; the message reads `file:line: reason`. */
export class DefinitionError extends Error {
  override readonly name = 'DefinitionError';

  constructor(
    readonly file: string,
    /** From 1. */
    readonly line: number,
    readonly reason: string,
  ) {
    super(`${file}:${line}: ${reason}`);
  }
}
