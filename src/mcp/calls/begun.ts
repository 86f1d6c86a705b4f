/** Requests that were taken in. */
export interface Begun {
  /** Never rejects. In an object, so that nobody has to wait for it who waits for the requests to be taken in. */
  readonly answered: Promise<unknown>;
}

/** What needed no time, or has had it. */
export const ANSWERED: Begun = { answered: Promise.resolve() };
