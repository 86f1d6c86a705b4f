import { expect, it } from 'vitest';

import { BoundedValues } from './bounded-values.js';

it('BoundedValues keeps the first values as they are and folds all later ones into one', () => {
  const values = new BoundedValues(2);
  expect(['gpu', 'cpu', 'arm', 'gpu', 'arm'].map((value) => values.labelOf(value))).toEqual([
    'gpu',
    'cpu',
    '_OTHER',
    'gpu',
    '_OTHER',
  ]);
  expect([...values]).toEqual(['gpu', 'cpu']);
});
