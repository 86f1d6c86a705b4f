import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { startMcp } from '../support/mcp-application.js';
import { MockRuntime } from '../support/mock-runtime.js';

/** A JSON Schema as far as tools use it. */
export interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly additionalProperties?: Schema | boolean;
}

/** A tool as tools/list shows it. */
export interface ListedTool {
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly inputSchema: Schema;
  readonly outputSchema?: Schema;
  readonly annotations?: Readonly<Record<string, unknown>>;
}

/** The toolsets of the product; the tools of `workflow-tools` are those of a team. */
const TOOLSETS = ['logs', 'files'];

/** What clients are shown by the real application, each list in order of name. */
export interface Surface {
  /** The tools of every connection. */
  readonly tools: readonly ListedTool[];
  /** Those that a toolset adds, by its name. */
  readonly toolsets: Readonly<Record<string, readonly ListedTool[]>>;
}

export async function listedTools(): Promise<Surface> {
  await using runtime = await MockRuntime.start();
  runtime.on('GET /r/workflows', { json: { workflow_list: [] } });
  await using application = await startMcp(runtime.url, { CYBERUN_MCP_TOOLSETS: TOOLSETS.join(',') });
  const tools = await toolsAt(application.endpoint, 'sk-contract');
  const toolsets: Record<string, readonly ListedTool[]> = {};
  for (const toolset of TOOLSETS) {
    const all = await toolsAt(`${application.endpoint}?toolsets=${toolset}`, 'sk-contract');
    toolsets[toolset] = all.filter(({ name }) => !tools.some((tool) => tool.name === name));
  }
  return { tools, toolsets };
}

/** The tools an endpoint shows, in order of name. */
export async function toolsAt(endpoint: string, key: string): Promise<ListedTool[]> {
  const client = new Client({ name: 'contract', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } });
  const headers = { Authorization: `Bearer ${key}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(endpoint), { requestInit: { headers } }));
  const { tools } = await client.listTools();
  await client.close();
  return (tools as ListedTool[]).toSorted((a, b) => a.name.localeCompare(b.name));
}

/** JSON whose keys are in order, so that moving a line in a schema changes nothing. */
export function stableJson(value: unknown): string {
  return `${JSON.stringify(sorted(value), undefined, 2)}\n`;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
