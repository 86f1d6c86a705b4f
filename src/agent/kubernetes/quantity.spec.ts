import { expect, it } from 'vitest';

import { amountOf } from './quantity.js';

it.each([
  ['4', 4],
  ['0.5', 0.5],
  ['500m', 0.5],
  ['2k', 2000],
  ['1e3', 1000],
  ['12E6', 12_000_000],
  ['1E', 1e18],
  ['512Mi', 512 * 2 ** 20],
  ['4Gi', 4 * 2 ** 30],
  ['1.5Gi', 1.5 * 2 ** 30],
  ['4 GB', undefined],
  ['', undefined],
  ['-1', undefined],
])('%s is an amount of %s', (quantity, amount) => {
  expect(amountOf(quantity)).toBe(amount);
});
