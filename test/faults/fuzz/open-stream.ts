import type { IncomingMessage } from 'node:http';

import { messagesIn } from './verdict.js';

/** A response that is read as it comes. */
export class OpenStream {
  isOver = false;
  private text = '';

  constructor(private readonly response: IncomingMessage) {
    response.on('data', (chunk: Buffer) => (this.text += String(chunk)));
    response.once('close', () => (this.isOver = true)).on('error', () => undefined);
  }

  get messages(): ReturnType<typeof messagesIn> {
    return messagesIn({ isStream: true, text: this.text });
  }

  leave(): void {
    this.response.destroy();
  }
}
