import { SetMetadata } from '@nestjs/common';

const ROUTE = 'cyberun:mcp-route';

/** Marks the one route that is the MCP endpoint. Nest copies the mark to what it gives to Express. */
export const McpRoute = (): MethodDecorator => SetMetadata(ROUTE, true);

export const isMcpRoute = (handle: object): boolean => Reflect.getMetadata(ROUTE, handle) === true;
