import { isMcpRoute } from './mcp-route.decorator.js';

interface Step {
  readonly name: string;
  readonly handle: (...circumstances: never[]) => unknown;
}

/** As much of a layer of Express's router as is looked at. */
export interface Layer extends Step {
  readonly route?: { readonly path: unknown; readonly stack: readonly Step[] };
  match(path: string): unknown;
}

/** How Express reaches the MCP route: the one path it has, and what runs before it there. */
export interface Road {
  readonly path: string;
  readonly before: readonly Layer[];
}

/** Letters with which a path is many paths. */
const PATTERN = /[:*{}()[\]?+!\\]/;

/** The road to the MCP route, unless there is none, or more than one. */
export function roadIn(layers: readonly Layer[]): Road | undefined {
  const end = layers.findIndex(({ route }) => route?.stack.some(({ handle }) => isMcpRoute(handle)));
  const path = layers[end]?.route?.path;
  if (typeof path !== 'string' || PATTERN.test(path)) return undefined;
  return { path, before: layers.slice(0, end).filter((layer) => layer.match(path)) };
}

/** Nest has a layer of its own at the very beginning, which calls the hooks of the adapter if there are any. */
export const isIdle = ({ handle }: Layer, adapter: object): boolean =>
  String(handle).includes('this.onRequestHook') &&
  [Reflect.get(adapter, 'onRequestHook'), Reflect.get(adapter, 'onResponseHook')].every(
    (hook) => hook === undefined,
  );
