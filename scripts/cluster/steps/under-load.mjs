// Calls and tasks while something happens, and what became of them.
import { completed } from '../client.mjs';
import { check } from '../commands.mjs';
import { Load } from '../load.mjs';

/** Puts a release under load while `act` goes on, and waits until its tasks have completed. */
export async function underLoad(release, act, options) {
  const load = await Load.start(release, options);
  try {
    await act();
  } finally {
    await load.stop();
  }
  for (const id of load.tasks) await completed(release, id);
  return load;
}

/** Ends the step when a call failed. */
export function checkNoneFailed({ calls, failures, reasons, tasks }) {
  check(failures.length === 0, `${failures.length} of ${calls} calls failed: ${reasons}`);
  return `0 of ${calls} calls failed, ${tasks.length} of ${tasks.length} tasks completed`;
}
