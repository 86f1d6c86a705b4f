// Stands between the host and the server and keeps what both sent. It changes one answer, that of list_agents: there
// the text of `content` gets a mark, which `structuredContent` does not have; so one sees which of the two the host uses.
import { once } from 'node:events';
import { createServer, request as send } from 'node:http';
import { buffer } from 'node:stream/consumers';

export const MARK = 'from-content ';
const TEXT_OF_CONTENT = '"content":[{"type":"text","text":"';

/** `initialized` is what the host said of itself; `answers` are those of tools/call, in their order. */
export async function startProxy(endpoint) {
  const record = { hellos: [], answers: [] };
  const server = createServer((incoming, outgoing) => {
    forward(incoming, outgoing).catch(() => outgoing.destroy());
  });

  async function forward(incoming, outgoing) {
    const body = await buffer(incoming);
    const { method, params } = body.length > 0 ? JSON.parse(body.toString()) : {};
    if (method === 'initialize' || method === 'server/discover') record.hellos.push({ method, ...params });
    // Without compression, so that the answer can be read.
    const { 'accept-encoding': _, ...headers } = incoming.headers;
    const options = { method: incoming.method, headers };
    const sent = send(new URL(incoming.url, endpoint), options);
    outgoing.once('close', () => sent.destroy());
    sent.end(body);
    const [answered] = await once(sent, 'response');
    if (method !== 'tools/call') {
      outgoing.writeHead(answered.statusCode, answered.headers);
      answered.pipe(outgoing);
      return;
    }
    await call(params, answered, outgoing);
  }

  async function call(params, answered, outgoing) {
    const { 'content-length': _, ...headers } = answered.headers;
    outgoing.writeHead(answered.statusCode, headers);
    const began = performance.now();
    const chunks = [];
    const isMarked = params.name === 'list_agents';
    for await (const chunk of answered) {
      chunks.push(chunk);
      if (!isMarked) outgoing.write(chunk);
    }
    const whole = Buffer.concat(chunks).toString();
    if (isMarked) outgoing.write(whole.replace(TEXT_OF_CONTENT, `${TEXT_OF_CONTENT}${MARK}`));
    outgoing.end();
    record.answers.push({
      tool: params.name,
      hasProgressToken: params._meta?.progressToken !== undefined,
      progressNotifications: whole.split('notifications/progress').length - 1,
      milliseconds: Math.round(performance.now() - began),
      result: resultIn(whole),
    });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}${new URL(endpoint).pathname}`, record, stop };
}

/** The result in a JSON answer, or in the last message of a stream. */
function resultIn(text) {
  const messages = text.startsWith('{')
    ? [text]
    : text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice(6)] : []));
  return messages.map((message) => JSON.parse(message).result).findLast((result) => result !== undefined);
}
