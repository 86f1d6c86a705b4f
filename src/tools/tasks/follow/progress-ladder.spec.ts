import { describe, expect, it } from 'vitest';

import { ProgressLadder } from './progress-ladder.js';

const climb = (values: (number | undefined)[]): number[] => {
  const ladder = new ProgressLadder();
  return values.map((value) => ladder.next(value));
};
const isRising = (numbers: number[]): boolean =>
  numbers.every((number, index) => number > (numbers[index - 1] ?? 0));

describe('the progress ladder', () => {
  it('shows true values while they rise', () => {
    expect(climb([0.1, 0.35, 0.6])).toEqual([0.1, 0.35, 0.6]);
  });

  it.each([
    ['the same value again', [0.5, 0.5, 0.5]],
    ['a value that falls, as after a retry', [0.9, 0, 0.2, 0.1]],
    ['no value at all', [undefined, undefined]],
    ['the end before the end', [1, 1, 2, 1]],
    ['what is no number of this kind', [-1, Number.NaN, -Infinity, Infinity]],
    ['thousands of signs of life', [0.99, ...Array.from({ length: 20_000 }, () => 0)]],
  ])('rises at %s, and stays below 1', (_name, values) => {
    const numbers = climb(values);
    expect(isRising(numbers)).toBe(true);
    expect(numbers.at(-1)).toBeLessThan(1);
  });

  it('knows whether it shows the true value', () => {
    const ladder = new ProgressLadder();
    ladder.next(0.9);
    expect([ladder.isAt(0.9), ladder.isAt(0.2)]).toEqual([true, false]);
  });
});
