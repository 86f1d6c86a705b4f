/** Why a run did not succeed, in words for those who submitted it. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';

  /** @param isFinal whether another run would fail in the same way. */
  constructor(
    message: string,
    readonly isFinal: boolean = false,
  ) {
    super(message);
  }
}
