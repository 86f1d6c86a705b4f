const CHECK_MS = 250;
const parent = process.ppid;

/**
 * Calls back once when the process that started this one has ended, for processes started by npm. `npm start` and `npx`
 * run a shell in between and pass signals only to that shell, which ends and leaves this process running.
 */
export function onParentEnd(callback: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, CHECK_MS);
  timer.unref();
}
