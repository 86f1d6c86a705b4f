import { beforeEach, expect, it } from 'vitest';

import { MemoryBudget } from './memory-budget.js';

const LIMIT = 100;
const microtasks = (): Promise<void> => Promise.resolve();

let budget: MemoryBudget;
let called: string[];
const waiter = (name: string) => (): void => void called.push(name);
const [a, b, c, d] = [waiter('a'), waiter('b'), waiter('c'), waiter('d')];

beforeEach(() => {
  budget = new MemoryBudget(LIMIT);
  called = [];
});

it('MemoryBudget admits a reservation that fits, and later ones in FIFO order', async () => {
  expect(budget.reserve(a, 60)).toBe(true);
  expect(budget.reserve(b, 60)).toBe(false);
  expect(budget.reserve(c, 10)).toBe(false);
  expect(budget.reserve(d, 60)).toBe(false);
  await microtasks();
  expect(called).toEqual([]);
  budget.release(a);
  await microtasks();
  expect(called).toEqual(['b', 'c']);
  budget.release(b);
  await microtasks();
  expect(called).toEqual(['b', 'c', 'd']);
});

it('MemoryBudget admits one reservation above the limit while there is no other', async () => {
  expect(budget.reserve(a, 2 * LIMIT)).toBe(true);
  expect(budget.reserve(b, 1)).toBe(false);
  budget.release(a);
  await microtasks();
  expect(called).toEqual(['b']);
});

it('MemoryBudget drops a waiter that is released, and ignores a second release', async () => {
  budget.reserve(a, LIMIT);
  budget.reserve(b, LIMIT);
  budget.release(b);
  budget.release(b);
  budget.release(a);
  budget.release(a);
  await microtasks();
  expect(called).toEqual([]);
  expect(budget.reserve(c, LIMIT)).toBe(true);
  expect(budget.reserve(d, 1)).toBe(false);
});

it('MemoryBudget admits one of the waiters when all that hold memory wait for more', async () => {
  budget.reserve(a, 50);
  budget.reserve(b, 50);
  expect(budget.reserve(a, 80)).toBe(false);
  expect(budget.reserve(b, 80)).toBe(false);
  await microtasks();
  expect(called).toEqual(['a']);
  budget.release(a);
  await microtasks();
  expect(called).toEqual(['a', 'b']);
});

it('MemoryBudget admits no reservation while it is closed', async () => {
  budget.close();
  expect(budget.reserve(a, 1)).toBe(false);
  budget.release(b);
  await microtasks();
  expect(called).toEqual([]);
  budget.open();
  await microtasks();
  expect(called).toEqual(['a']);
  expect(budget.reserve(b, 1)).toBe(true);
});
