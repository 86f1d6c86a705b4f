// The Messages API, as Claude Code speaks it.

const paths = /^\/v1\/messages(\?|$)/;

const toolNames = ({ tools = [] }) => tools.map(({ name }) => ({ name }));

/** What the model sees of its calls, in their order: the blocks of each result. */
const results = ({ messages }) =>
  messages
    .flatMap(({ content }) => (Array.isArray(content) ? content : []))
    .filter(({ type, tool_use_id: id }) => type === 'tool_result' && id.startsWith('call_'));

/** Claude Code gives the names of the tools, and the tools themselves after a search. */
const search = {
  tool: 'ToolSearch',
  input: (names) => ({
    query: `select:${names.map((name) => `mcp__cyberun__${name}`).join(',')}`,
    max_results: 20,
  }),
};

const parts = ({ content }) =>
  (typeof content === 'string' ? [{ type: 'text', text: content }] : content).map((block) =>
    block.type === 'image'
      ? { picture: block.source.media_type }
      : { text: block.text ?? JSON.stringify(block) },
  );

/** Answers with a call or, without one, with a text that ends the turn. */
function answer(response, body, { id, call, text }) {
  const block = call ? { type: 'tool_use', id, name: call.name, input: call.input } : { type: 'text', text };
  const message = {
    id: `msg_${id}`,
    type: 'message',
    role: 'assistant',
    model: body.model,
    content: [block],
    stop_reason: call ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 1 },
  };
  if (!body.stream)
    return response.setHeader('content-type', 'application/json').end(JSON.stringify(message));
  const empty = call ? { ...block, input: {} } : { type: 'text', text: '' };
  const delta = call
    ? { type: 'input_json_delta', partial_json: JSON.stringify(call.input) }
    : { type: 'text_delta', text };
  response.setHeader('content-type', 'text/event-stream');
  for (const event of [
    { type: 'message_start', message: { ...message, content: [], stop_reason: null } },
    { type: 'content_block_start', index: 0, content_block: empty },
    { type: 'content_block_delta', index: 0, delta },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'message_delta',
      delta: { stop_reason: message.stop_reason, stop_sequence: null },
      usage: message.usage,
    },
    { type: 'message_stop' },
  ])
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  return response.end();
}

export const anthropic = { paths, toolNames, results, parts, answer, search };
