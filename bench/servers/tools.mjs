import { readFileSync } from 'node:fs';

/** What the product lists, written down by the run before any peer starts. */
const listed = JSON.parse(readFileSync(process.env.BENCH_TOOLS, 'utf8'));
const count = Number(process.env.BENCH_TOOL_COUNT);

/** `echo`, and as many tools of the product's shape as asked for; from the sixteenth on copies of the fifteen. */
export const tools = Array.from({ length: count }, (_, index) => {
  const copy = Math.floor(index / listed.length);
  const tool = listed[index % listed.length];
  return copy === 0 ? tool : { ...tool, name: `${tool.name}_${copy}` };
});

export const ECHO = {
  name: 'echo',
  description: 'Answer with the text that was sent.',
  annotations: {
    title: 'Echo',
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: true,
    openWorldHint: false,
  },
};

/** What `echo` takes and gives, in whichever zod the server uses. */
export const echoInput = (z) =>
  z.object({ text: z.string().min(1).max(1000).describe('Text to answer with') });
export const echoOutput = (z) => z.object({ text: z.string().describe('The text that was sent') });

/** The zod schema an author would have written for a tool the product lists. */
export function zodOf(z, schema) {
  return z.fromJSONSchema(withoutDerivedPatterns(schema ?? { type: 'object', properties: {} }));
}

// zod prints the pattern of a format beside the format, and would then check, and print, both.
function withoutDerivedPatterns(schema) {
  return JSON.parse(JSON.stringify(schema), (_key, value) => {
    if (value?.format !== undefined && value.pattern !== undefined) delete value.pattern;
    return value;
  });
}
