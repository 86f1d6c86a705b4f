import { Ctx } from '@nestjs/microservices';
import { McpContext, McpController, Tool } from '@rekog/mcp-nest';

/** A tool that asks outside of its call. */
@McpController()
export class AsideTools {
  @Tool({ name: 'ask_aside', description: 'Asks on the standalone stream' })
  async askAside(@Ctx() { mcpServer }: McpContext): Promise<object> {
    const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } } as const;
    const { content } = await mcpServer.server.elicitInput({ message: 'Who?', requestedSchema });
    return { name: content?.['name'] };
  }
}

/** A client's answer to a question. */
export const reply = (id: unknown, name: string): object => ({
  jsonrpc: '2.0',
  id,
  result: { action: 'accept', content: { name } },
});
