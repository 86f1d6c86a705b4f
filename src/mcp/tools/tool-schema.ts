import { fromJsonSchema } from '@modelcontextprotocol/server';
import type { ToolMetadata } from '@rekog/mcp-nest';

import { InvalidInput } from '../protocol/index.js';

type Declared = NonNullable<ToolMetadata['parameters']>;
type JsonSchema = Record<string, unknown>;

interface Standard {
  readonly vendor: string;
  validate(value: unknown): Validated | Promise<Validated>;
  readonly jsonSchema?: Record<'input' | 'output', (options: { readonly target: string }) => JsonSchema>;
}

interface Validated {
  readonly value?: unknown;
  readonly issues?: ConstructorParameters<typeof InvalidInput>[0];
}

const TARGET = 'draft-2020-12';

/** A schema of a tool, of any library. */
export class ToolSchema {
  /** An {@link advertised} schema: it accepts everything, and the Nest pipeline parses. */
  readonly isAdvertisedOnly: boolean;
  private readonly standard: Standard;

  constructor(private readonly declared: Declared) {
    this.standard = standardOf(declared);
    this.isAdvertisedOnly = this.standard.vendor === 'cyberun';
  }

  toJson(side: 'input' | 'output'): JsonSchema | undefined {
    const json = isStandard(this.declared)
      ? this.standard.jsonSchema?.[side]({ target: TARGET })
      : (this.declared as JsonSchema);
    return json?.['type'] === 'object' ? json : undefined;
  }

  /** @throws {InvalidInput} */
  async parse(value: unknown): Promise<unknown> {
    const validated = await this.standard.validate(value);
    if (validated.issues) throw new InvalidInput(validated.issues);
    return validated.value;
  }
}

const isStandard = (schema: Declared): schema is Declared & { readonly '~standard': Standard } =>
  '~standard' in schema;

const standardOf = (schema: Declared): Standard =>
  isStandard(schema)
    ? schema['~standard']
    : (fromJsonSchema(schema as JsonSchema) as unknown as { readonly '~standard': Standard })['~standard'];
