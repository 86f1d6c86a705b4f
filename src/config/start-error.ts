/** Something the operator can mend stops the start. The message is one sentence for them and holds no secret. */
export class StartError extends Error {
  override readonly name: string = 'StartError';
}
