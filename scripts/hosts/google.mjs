// generateContent and its stream, as Gemini CLI speaks them.

const paths = /^\/v1(beta)?\/models\/[^:]+:(streamGenerateContent|generateContent)/;

const toolNames = ({ tools = [] }) =>
  tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations.map(({ name }) => ({ name })));

/** Each result with the parts that follow it: an image is a part of its own. */
const results = ({ contents }) =>
  contents
    .filter(({ role, parts: all }) => role === 'user' && all.some((part) => part.functionResponse))
    .map(({ parts: all }) => all);

const parts = (all) =>
  all
    .flatMap((part) => [part, ...(part.functionResponse?.parts ?? [])])
    .map((part) => {
      if (part.inlineData) return { picture: part.inlineData.mimeType };
      const { output, error } = part.functionResponse?.response ?? {};
      return { text: part.text ?? output ?? error ?? JSON.stringify(part) };
    });

function answer(response, _body, { call, text }, url) {
  const part = call ? { functionCall: { name: call.name, args: call.input } } : { text };
  const whole = JSON.stringify({
    candidates: [{ index: 0, content: { role: 'model', parts: [part] }, finishReason: 'STOP' }],
    usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1, totalTokenCount: 2 },
  });
  if (!url.includes('streamGenerateContent'))
    return response.setHeader('content-type', 'application/json').end(whole);
  return response.setHeader('content-type', 'text/event-stream').end(`data: ${whole}\n\n`);
}

export const google = { paths, toolNames, results, parts, answer };
