import type { YamlPath, YamlSource } from '../definitions/index.js';

/** `- /do/0/step | #/oneOf | must match …`, as the SDK lists what it found. */
const FINDING = /^- (\/\S*) \| [^|]* \| ([^|]*)/;

/**
 * Checks a document against the schema of the standard itself, by its SDK, which is large and therefore loaded when
 * there is something to check. Our own check runs first and speaks better; this one sees what it does not know.
 *
 * @throws {DefinitionError} for the finding that lies deepest in the document.
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

/** The SDK knows the version 1.0.0 only; a later one of 1.0 adds to it, and we refuse what it adds on our own. */
function asOfFirstVersion(value: unknown): unknown {
  const workflow = withNamedArguments(value) as { document: object };
  return { ...workflow, document: { ...workflow.document, dsl: '1.0.0' } };
}

/** In 1.0.0 arguments had names; lists came later and are what this runtime takes. */
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

/** What fits none of several forms says nothing to a reader that the place does not. */
const sentenceOf = (message: string): string =>
  /oneOf|anyOf|allOf|unevaluated|"then"|pattern/.test(message)
    ? 'is not what the DSL 1.0 allows there'
    : message;
