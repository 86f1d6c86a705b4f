import { stopAll } from './peers.mjs';
import { interleave } from './windows.mjs';

/**
 * The windows of lanes over several generations of processes: what V8 makes of the same code differs by a tenth from
 * one process to the next. Also returns the lanes of the last one, as they are named alike.
 * @param {() => Promise<{ servers: object | object[], lanes: import('./windows.mjs').Lane[] }>} start
 */
export async function overGenerations(start, { generations, ...windowing }) {
  const windows = new Map();
  let named = [];
  for (let generation = 0; generation < generations; generation++) {
    const { servers, lanes } = await start();
    try {
      named = lanes;
      for (const [name, more] of await interleave(lanes, windowing)) {
        windows.set(name, [...(windows.get(name) ?? []), ...more]);
      }
    } finally {
      await stopAll(servers);
    }
  }
  return { lanes: named, windows };
}
