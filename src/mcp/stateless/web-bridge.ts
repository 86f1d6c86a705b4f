import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** The request in the form of the SDK, which gets the parsed body separately. */
export function toWebRequest(request: IncomingMessage, signal: AbortSignal): Request {
  const headers = new Headers();
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !name.startsWith(':')) headers.set(name, String(value));
  }
  return new Request('http://localhost/', { method: request.method ?? 'POST', headers, signal });
}

/** Writes a response of the SDK, with backpressure. */
export async function writeWebResponse(answer: Response, response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  if (response.headersSent) {
    // Already a stream: the tool reported progress before it returned what only the SDK can send.
    response.end(`event: message\ndata: ${await answer.text()}\n\n`);
    return;
  }
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.headers.get('content-type') === 'text/event-stream') response.flushHeaders();
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  for await (const chunk of answer.body ?? []) {
    if (response.destroyed) break;
    if (!response.write(chunk)) await once(response, 'drain', closed).catch(() => undefined);
  }
  response.end();
}
