import { isUUID } from 'class-validator';
import { expect, it } from 'vitest';

import { uuidV7 } from './uuid-v7.js';

it('ids are UUIDs of version 7, all different, and sort in the order they were made', () => {
  const ids = Array.from({ length: 20_000 }, uuidV7);
  expect(ids.every((id) => isUUID(id, 7))).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect([...ids].sort()).toEqual(ids);
});
