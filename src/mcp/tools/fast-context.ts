import {
  CLIENT_CAPABILITIES_META_KEY,
  CLIENT_INFO_META_KEY,
  LOG_LEVEL_META_KEY,
  PROTOCOL_VERSION_META_KEY,
  type ServerContext,
} from '@modelcontextprotocol/server';

import type { Call } from '../calls/index.js';
import { notificationMessage, type RequestMessage } from '../protocol/index.js';
import type { McpServer } from './tool-context.js';

const ENVELOPE_KEYS = [
  PROTOCOL_VERSION_META_KEY,
  CLIENT_INFO_META_KEY,
  CLIENT_CAPABILITIES_META_KEY,
  LOG_LEVEL_META_KEY,
];

/**
 * What the SDK gives a handler, for a call the SDK has not seen: the same members, on the call's own stream. Questions
 * to the client go through the session's SDK server, which is made when the first one is asked.
 */
export function fastContext(call: Call, message: RequestMessage, server: () => McpServer): ServerContext {
  const { id, method, params } = message;
  const related = { relatedRequestId: id };
  const mcpReq: ServerContext['mcpReq'] = {
    id,
    method,
    ...(params?._meta && { _meta: params._meta }),
    ...envelopeOf(params?._meta),
    requestState: () => undefined,
    // No getter: V8 makes a shape of its own for each object with one, and that shape outlives the request.
    signal: call.signal,
    notify: (notification) => call.notify(notificationMessage(notification.method, notification.params)),
    // Announcing the logging capability sends every call through the SDK; see RequestDispatcher and FastPath.
    log: () => Promise.resolve(),
    send: ((request: never, ...rest: object[]) => {
      const last = rest.at(-1);
      const schema = rest.find((given) => '~standard' in given);
      const options = { ...(last === schema ? undefined : last), ...related };
      return server().server.request(request, ...((schema ? [schema, options] : [options]) as [never]));
    }) as ServerContext['mcpReq']['send'],
    elicitInput: (asked, options) => server().server.elicitInput(asked, { ...options, ...related }),
    requestSampling: (asked, options) => server().server.createMessage(asked, { ...options, ...related }),
  };
  return { mcpReq, http: { closeSSE: () => call.reply.pause() } };
}

function envelopeOf(meta: Record<string, unknown> | undefined): { envelope?: object } {
  if (!meta || !(PROTOCOL_VERSION_META_KEY in meta)) return {};
  return {
    envelope: Object.fromEntries(ENVELOPE_KEYS.filter((key) => key in meta).map((key) => [key, meta[key]])),
  };
}
