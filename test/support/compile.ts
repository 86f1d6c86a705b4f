import {
  parseServiceDefinition,
  type ServiceDefinition,
} from '../../src/runtime/containers/service-definition.js';
import { YamlReader } from '../../src/runtime/definitions/index.js';
import type { CompiledWorkflow } from '../../src/runtime/workflows/index.js';
import { ParameterCheck } from '../../src/runtime/workflows/validation/parameter-check.js';
import { compileWorkflow } from '../../src/runtime/workflows/workflow-compiler.js';

const reader = new YamlReader();
const check = new ParameterCheck();

/** Compiles the text of a workflow file as the runtime does that sees it for the first time. */
export async function compileText(
  file: string,
  text: string,
  warn: (message: string) => void = () => undefined,
): Promise<CompiledWorkflow> {
  return compileWorkflow(await reader.read(file, text), {
    isKnown: () => Promise.resolve(false),
    schemaReport: (schema) => check.schema(schema),
    warn,
  });
}

/** Reads the text of a service file as the runtime does. */
export const parseServiceText = async (file: string, text: string): Promise<ServiceDefinition> =>
  parseServiceDefinition(await reader.read(file, text), file);
