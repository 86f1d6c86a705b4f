import type { IncomingMessage, Server, ServerResponse } from 'node:http';

import { refuse, type Spoken } from './spoken.js';

/**
 * Says `100 Continue` when somebody begins to read the body, and not before: a client that waits for it never sends a
 * body that its headers are enough to refuse.
 */
export function answerExpectations(server: Server, spoken: Spoken): void {
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const read = request._read.bind(request);
    request._read = (size) => {
      request._read = read;
      if (!response.headersSent) response.writeContinue();
      read(size);
    };
    server.emit('request', request, response);
  });
  server.on('checkExpectation', (_request: IncomingMessage, response: ServerResponse) => {
    const message =
      'Expectation Failed: Of all expectations, only 100-continue can be met. Leave out the Expect header';
    refuse(response, { status: 417, message }, spoken);
  });
}
