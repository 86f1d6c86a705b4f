import { StartError } from './config/index.js';

/** One sentence for what an operator can mend; the whole story for a defect of ours. */
export function startFailure(error: unknown): string {
  if (error instanceof StartError) return `cyberun-mcp: ${error.message}`;
  const { code, port, address } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code === 'EADDRINUSE') {
    return `cyberun-mcp: Port ${port} on ${address} is taken. Stop what uses it, or choose another with CYBERUN_HTTP_PORT (0 picks a free one).`;
  }
  if (code === 'EACCES' && port !== undefined) {
    return `cyberun-mcp: This user may not listen on port ${port}. Choose one above 1023 with CYBERUN_HTTP_PORT.`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `cyberun-mcp: This machine has no address ${address ?? 'of that name'}. Set CYBERUN_HTTP_HOST to one it has, for example 127.0.0.1.`;
  }
  return `cyberun-mcp failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
