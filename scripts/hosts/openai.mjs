// The Responses API, as Codex CLI speaks it.
import { TOOLS } from './script.mjs';

const paths = /^\/v1\/responses(\?|$)/;

/** With newer models Codex gives one tool, `exec`, which runs JavaScript that calls the others. */
const runsCode = ({ input }) =>
  input.some(
    ({ type, tools }) => type === 'additional_tools' && JSON.stringify(tools).includes('"name":"exec"'),
  );

/** Codex offers the tools of an MCP server as a namespace. */
const toolNames = (body) =>
  runsCode(body)
    ? TOOLS.map((name) => ({ namespace: 'mcp__cyberun', name, isCode: true }))
    : (body.tools ?? []).flatMap(({ type, name, tools = [] }) =>
        type === 'namespace' ? tools.map((member) => ({ namespace: name, name: member.name })) : [{ name }],
      );

const results = ({ input }) =>
  input.filter(({ type }) => /^(?:function|custom_tool)_call_output$/.test(type));

const parts = ({ output }) =>
  (typeof output === 'string' ? [{ text: output }] : output).map((item) =>
    item.type === 'input_image'
      ? { picture: item.image_url.match(/^data:([^;]+)/)?.[1] ?? item.image_url }
      : { text: item.text ?? JSON.stringify(item) },
  );

function answer(response, _body, { id, call, text }) {
  const item = call
    ? { id: `fc_${id}`, call_id: id, ...callItem(call) }
    : { type: 'message', id: `m_${id}`, role: 'assistant', content: [{ type: 'output_text', text }] };
  const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2 };
  response.setHeader('content-type', 'text/event-stream');
  for (const event of [
    { type: 'response.created', response: { id: `r_${id}` } },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: { id: `r_${id}`, usage } },
  ])
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  return response.end();
}

function callItem({ namespace, name, isCode, input }) {
  const json = JSON.stringify(input);
  if (!isCode) return { type: 'function_call', namespace, name, arguments: json };
  const source = `const result = await tools.${namespace}__${name}(${json});
text({ ...result, content: result.content.filter(({ type }) => type !== 'image') });
for (const block of result.content) if (block.type === 'image') image(block);`;
  return { type: 'custom_tool_call', namespace: 'functions', name: 'exec', input: source };
}

export const openai = { paths, toolNames, results, parts, answer };
