const LOOK_MS = 250;
const parent = process.ppid;

/**
 * Calls back once when the process that started this one has ended, for those that npm starts. `npm start` and `npx` run a shell
 * between; they pass a signal to the shell alone, which ends by it and leaves this process running.
 */
export function onParentEnd(callback: () => void): void {
  const looking = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(looking);
    callback();
  }, LOOK_MS);
  looking.unref();
}
