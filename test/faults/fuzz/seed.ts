const FIXED = 20_261_122;
const { FUZZ_SEED: wanted = String(FIXED), FUZZ_RUNS: runs } = process.env;
const seed = wanted === 'random' ? Math.trunc(Math.random() * 2 ** 31) : Number(wanted);
if (!Number.isSafeInteger(seed)) throw new Error(`FUZZ_SEED is a whole number or "random", not ${wanted}`);

/** How a property is tried: the same inputs every time, unless FUZZ_SEED or FUZZ_RUNS say otherwise. */
export const trials = (numRuns: number): { seed: number; numRuns: number } => ({
  seed,
  numRuns: runs === undefined ? numRuns : Number(runs),
});

/** Says how to see the same inputs again. */
export function printCounts(what: string, counts: Readonly<Record<string, number>>): void {
  const told = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  console.log(`${what}: ${told.join(', ')}; again with FUZZ_SEED=${seed}${runs ? ` FUZZ_RUNS=${runs}` : ''}`);
}
