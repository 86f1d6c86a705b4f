// Loaded before every measured server: answers what it costs, over the channel it was started with.
const GC_PASSES = 4;

const READINGS = {
  /** CPU time of the whole process so far, every thread, in microseconds. */
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },
  /** Bytes that are really in use: what a forced collection leaves. */
  memory: async () => {
    for (let pass = 0; pass < GC_PASSES; pass++) {
      globalThis.gc();
      // Finalizers and the sweep run between turns.
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { heapUsed, rss } = process.memoryUsage();
    return { heap: heapUsed, rss };
  },
};

const answer = async (read) => process.send({ read, value: await READINGS[read]() });

if (process.send) {
  process.on('message', ({ read }) => {
    if (Object.hasOwn(READINGS, read)) void answer(read);
  });
  process.channel.unref();
}
