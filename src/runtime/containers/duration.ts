import { z } from 'zod';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/;

/** A duration as people write it, `90s` or `10m`; a plain number is seconds. Parsed to milliseconds. */
export function duration(least: string, most: string) {
  const [least_ms = 0, most_ms = 0] = [least, most].map(millisecondsOf);
  return z.union([z.number(), z.string()]).transform((value, context) => {
    const ms = millisecondsOf(value);
    if (ms !== undefined && ms >= least_ms && ms <= most_ms) return ms;
    context.addIssue({
      code: 'custom',
      message: `must be a duration from ${least} to ${most}, as in 90s, 10m or 2h; a plain number is seconds`,
    });
    return z.NEVER;
  });
}

function millisecondsOf(value: string | number): number | undefined {
  if (typeof value === 'number') return value * 1000;
  const [, count, unit = ''] = DURATION.exec(value) ?? [];
  return count === undefined ? undefined : Number(count) * (UNITS[unit] ?? 0);
}
