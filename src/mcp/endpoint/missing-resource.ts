import { ProtocolError, ResourceNotFoundError } from '@modelcontextprotocol/server';

type Handle = (request: { readonly params: object }, context: unknown) => unknown;
type Register = (this: unknown, method: string, handler: Handle) => void;

/** The message of mcp-nest. */
const MISSING = /^Unknown resource: (?<uri>.*)$/s;

/**
 * While `bind` registers the handlers of mcp-nest on an SDK server, makes the one of `resources/read` name a resource
 * that is not there in the error's data, as 2026-07-28 asks (SEP-2164). The SDK has no hook around a handler.
 */
export function namingMissingResources(server: object, bind: () => void): void {
  const stock = Reflect.get(server, 'setRequestHandler') as Register;
  const register: Register = (method, handler) =>
    stock.call(server, method, method === 'resources/read' ? naming(handler) : handler);
  Reflect.set(server, 'setRequestHandler', register);
  bind();
  Reflect.set(server, 'setRequestHandler', stock);
}

const naming =
  (read: Handle): Handle =>
  async (request, context) => {
    try {
      return await read(request, context);
    } catch (error) {
      const uri = error instanceof ProtocolError ? MISSING.exec(error.message)?.groups?.['uri'] : undefined;
      throw uri === undefined ? error : new ResourceNotFoundError(uri);
    }
  };
