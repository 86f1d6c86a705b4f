/** Why a run did not succeed, in words for whoever submitted it. */
export class RunFailure extends Error {
  override readonly name = 'RunFailure';
}
