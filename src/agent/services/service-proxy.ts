import { Agent, type IncomingMessage, request } from 'node:http';
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';

/** Tells the gateway that the answer is ours, not the service's. */
const FAILURE_HEADER = 'cyberun-proxy-failure';
/** Meaningful between two neighbours only; HTTP/2 forbids them. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'http2-settings',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** A connection a call: a kept one may just be closing, and a call must not be repeated to find out. */
const agent = new Agent({ keepAlive: false });

/** Passes a request on to a service on this machine, both bodies as they come. */
export function proxyTo(
  { port, path }: { readonly port: number; readonly path: string },
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
): void {
  const { ':method': method = 'GET' } = headers;
  const call = request({
    host: '127.0.0.1',
    port,
    path,
    method,
    agent,
    headers: { ...forwarded(headers), ...framing(stream, headers) },
  });
  call.on('response', (answer) => respond(stream, answer));
  call.on('error', (error) => refuse(stream, error.message));
  stream.once('close', () => call.destroy());
  stream.pipe(call, { end: false });
  // An HTTP/2 stream that is cut also says it has ended; only one without a code has.
  stream.once('end', () => {
    if (stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted) call.end();
  });
}

/** Answers instead of a service that cannot. */
export function refuse(stream: ServerHttp2Stream, reason: string): void {
  if (stream.destroyed) return;
  if (stream.headersSent) return cut(stream);
  stream.respond({ ':status': 502, [FAILURE_HEADER]: encodeURIComponent(reason) }, { endStream: true });
}

function respond(stream: ServerHttp2Stream, answer: IncomingMessage): void {
  if (stream.destroyed) return void answer.destroy();
  const { [FAILURE_HEADER]: _ours, ...headers } = answer.headers;
  stream.respond({ ':status': answer.statusCode ?? 502, ...withoutHopByHop(headers) });
  answer.pipe(stream);
  // A body that was cut must not look like a whole one.
  answer.once('close', () => {
    if (!answer.complete) cut(stream);
  });
}

/** Not `close`: that would end the stream in order before it resets it, and the end would be believed. */
function cut(stream: ServerHttp2Stream): void {
  stream.destroy(new Error('the answer of the service broke off'));
}

/** A body of unknown length has to say so itself: Node adds nothing where a body is unusual. */
function framing(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Record<string, string> {
  const isOpenEnded = !stream.endAfterHeaders && headers['content-length'] === undefined;
  return isOpenEnded ? { 'transfer-encoding': 'chunked' } : {};
}

function forwarded(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  return withoutHopByHop(
    Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':'))),
  );
}

function withoutHopByHop(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  return Object.fromEntries(
    Object.entries(headers).filter(
      (entry): entry is [string, string | string[]] =>
        entry[1] !== undefined && !HOP_BY_HOP.has(entry[0]) && !named.has(entry[0]),
    ),
  );
}
