import { beforeEach, describe, expect, it } from 'vitest';

import { AnswerRoom } from './answer-room.js';

const MOST = 100;
const microtasks = (): Promise<void> => Promise.resolve();

describe('the room for answers', () => {
  let room: AnswerRoom;
  let called: string[];
  /** A guest of this name. */
  const guest = (name: string) => (): void => void called.push(name);
  const [a, b, c, d] = [guest('a'), guest('b'), guest('c'), guest('d')];

  beforeEach(() => {
    room = new AnswerRoom(MOST);
    called = [];
  });

  it('lets in who fits, and the others in the order they came', async () => {
    expect(room.ask(a, 60)).toBe(true);
    expect(room.ask(b, 60)).toBe(false);
    expect(room.ask(c, 10)).toBe(false);
    expect(room.ask(d, 60)).toBe(false);
    await microtasks();
    expect(called).toEqual([]);
    room.leave(a);
    await microtasks();
    expect(called).toEqual(['b', 'c']);
    room.leave(b);
    await microtasks();
    expect(called).toEqual(['b', 'c', 'd']);
  });

  it('lets one in that is larger than all the room', async () => {
    expect(room.ask(a, 2 * MOST)).toBe(true);
    expect(room.ask(b, 1)).toBe(false);
    room.leave(a);
    await microtasks();
    expect(called).toEqual(['b']);
  });

  it('forgets who gave up waiting, and who leaves twice', async () => {
    room.ask(a, MOST);
    room.ask(b, MOST);
    room.leave(b);
    room.leave(b);
    room.leave(a);
    room.leave(a);
    await microtasks();
    expect(called).toEqual([]);
    expect(room.ask(c, MOST)).toBe(true);
    expect(room.ask(d, 1)).toBe(false);
  });

  it('never has all wait for more than they have', async () => {
    room.ask(a, 50);
    room.ask(b, 50);
    expect(room.ask(a, 80)).toBe(false);
    expect(room.ask(b, 80)).toBe(false);
    await microtasks();
    expect(called).toEqual(['a']);
    room.leave(a);
    await microtasks();
    expect(called).toEqual(['a', 'b']);
  });

  it('lets nobody in while it is closed', async () => {
    room.close();
    expect(room.ask(a, 1)).toBe(false);
    room.leave(b);
    await microtasks();
    expect(called).toEqual([]);
    room.open();
    await microtasks();
    expect(called).toEqual(['a']);
    expect(room.ask(b, 1)).toBe(true);
  });
});
