import type { YamlPath, YamlSource } from '../definitions/index.js';

/** A finding of the SDK: `- /do/0/step | #/oneOf | must match …`. */
const FINDING = /^- (\/\S*) \| [^|]* \| ([^|]*)/;

/**
 * Validates a document against the schema of the Serverless Workflow DSL with its SDK, which is large and loaded on first
 * use. Our own validation runs first and has better messages; this one finds the rest.
 *
 * @throws {DefinitionError} for the most deeply nested finding.
 */
export async function checkAgainstStandard(source: YamlSource): Promise<void> {
  const { default: sdk } = await import('@serverlessworkflow/sdk');
  try {
    sdk.validate('Workflow', asOfFirstVersion(source.value));
  } catch (error) {
    const findings = (error as Error).message.split('\n').flatMap((line) => findingOf(line) ?? []);
    const deepest = findings.sort((a, b) => b.path.length - a.path.length)[0];
    throw source.error(
      deepest?.path ?? [],
      `${deepest?.path.join('.') ?? 'the file'} ${deepest?.message ?? 'is not a workflow of the DSL 1.0'}`,
    );
  }
}

/** Keywords of `run: container` that came after 1.0.0. */
const LATER = new Set(['arguments', 'pullPolicy']);

/** The SDK supports only version 1.0.0; our own validation has accepted the additions of later 1.0 versions. */
function asOfFirstVersion(value: unknown): unknown {
  const workflow = withNamedArguments(value) as { document: object; do: Record<string, object>[] };
  const steps = workflow.do.map((named) =>
    Object.fromEntries(Object.entries(named).map(([name, step]) => [name, withoutLater(step)])),
  );
  return { ...workflow, document: { ...workflow.document, dsl: '1.0.0' }, do: steps };
}

function withoutLater(step: { run?: { container?: object } }): object {
  const { run } = step;
  if (!run?.container) return step;
  const known = Object.entries(run.container).filter(([key]) => !LATER.has(key));
  return { ...step, run: { ...run, container: Object.fromEntries(known) } };
}

/** In 1.0.0 arguments have names; this runtime takes lists, which came later. */
function withNamedArguments(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withNamedArguments);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]: [string, unknown]) => [
      key,
      key === 'arguments' && Array.isArray(inner)
        ? Object.fromEntries(inner.entries())
        : withNamedArguments(inner),
    ]),
  );
}

function findingOf(line: string): { path: YamlPath; message: string } | undefined {
  const [, pointer, message = ''] = FINDING.exec(line) ?? [];
  if (pointer === undefined) return undefined;
  const path = pointer.split('/').slice(1);
  return {
    path: path.map((part) => (/^\d+$/.test(part) ? Number(part) : part)),
    message: sentenceOf(message.trim()),
  };
}

/** Messages about alternatives are not helpful; the path is enough. */
const sentenceOf = (message: string): string =>
  /oneOf|anyOf|allOf|unevaluated|"then"|pattern/.test(message)
    ? 'is not what the DSL 1.0 allows there'
    : message;
