/** Somebody who takes up room; called when there is the room that had to be waited for. */
export type Guest = () => void;

/**
 * Room for the answers that are being read, parsed and made into results, which takes a dozen times their size. Whoever
 * finds none waits in line. One always has it: else those who have some and wait for more would wait for each other.
 */
export class AnswerRoom {
  private readonly held = new Map<Guest, number>();
  private readonly line = new Map<Guest, number>();
  private taken = 0;
  private isOpen = true;

  /** @param most bytes of all answers that have room. */
  constructor(private readonly most: number) {}

  /** Asks for so many bytes, in place of those asked for before. Returns whether there is room for them now. */
  ask(guest: Guest, bytes: number): boolean {
    this.line.set(guest, bytes);
    this.admit(guest);
    return !this.line.has(guest);
  }

  /** May be said twice, and by somebody who never asked. */
  leave(guest: Guest): void {
    this.line.delete(guest);
    this.taken -= this.held.get(guest) ?? 0;
    this.held.delete(guest);
    this.admit();
  }

  /** Lets nobody in until it is opened, while what was made of earlier answers takes too much memory. */
  close(): void {
    this.isOpen = false;
  }

  open(): void {
    this.isOpen = true;
    this.admit();
  }

  private admit(asking?: Guest): void {
    for (const [guest, bytes] of this.line) {
      const more = bytes - (this.held.get(guest) ?? 0);
      const hasRoom = this.taken + more <= this.most || !this.isAnyAtWork();
      if (!hasRoom || !this.isOpen) return;
      this.line.delete(guest);
      this.held.set(guest, bytes);
      this.taken += more;
      // Not from within whatever made the room: undici's parser cannot go on while another one is at work.
      if (guest !== asking) queueMicrotask(guest);
    }
  }

  private isAnyAtWork(): boolean {
    for (const guest of this.held.keys()) if (!this.line.has(guest)) return true;
    return false;
  }
}
