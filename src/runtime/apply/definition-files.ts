import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, parse, resolve } from 'node:path';

import { errorText, StartError } from '../../config/index.js';
import { type Bundle, packBundle } from '../bundles/index.js';
import { parseServiceDefinition, type ServiceDefinition } from '../containers/index.js';
import { DefinitionError, readDefinitionTexts, YamlReader, type YamlSource } from '../definitions/index.js';
import { type CompiledWorkflow, compileWorkflow, ParameterCheck } from '../workflows/index.js';

/** A valid definition with the files beside it. */
export type ReadDefinition = {
  readonly file: string;
  readonly files?: Bundle | undefined;
} & (
  | { readonly kind: 'workflow'; readonly definition: CompiledWorkflow }
  | { readonly kind: 'service'; readonly definition: ServiceDefinition }
);

/** The definitions in some folders. */
export interface DefinitionFiles {
  readonly definitions: readonly ReadDefinition[];
  /** What is wrong with the other files, `file:line: reason` each. */
  readonly refused: readonly DefinitionError[];
  /** For the author, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Reads the workflows and services that YAML files of some folders define; subfolders hold the files beside them.
 *
 * @throws {StartError} when a folder does not exist or cannot be read.
 */
export async function readDefinitionFiles(folders: readonly string[]): Promise<DefinitionFiles> {
  await using reader = new FolderReader();
  for (const folder of folders) await reader.read(resolve(folder));
  return reader;
}

/**
 * The same for files and folders of them, each name as it was given.
 *
 * @throws {StartError} when one does not exist or cannot be read, or a folder has no definition.
 */
export async function readDefinitions(paths: readonly string[]): Promise<DefinitionFiles> {
  await using reader = new FolderReader();
  for (const path of paths) await reader.readPath(path);
  return reader;
}

class FolderReader implements DefinitionFiles, AsyncDisposable {
  readonly definitions: ReadDefinition[] = [];
  readonly refused: DefinitionError[] = [];
  readonly warnings: string[] = [];
  private readonly yaml = new YamlReader();
  private readonly parameterCheck = new ParameterCheck();

  async read(folder: string): Promise<void> {
    if (!(await stat(folder).catch(() => undefined))?.isDirectory())
      throw new StartError(`There is no folder ${folder}. Name a folder with definitions.`);
    const { texts, ignored = [] } = await readDefinitionTexts(folder);
    for (const file of ignored)
      this.warnings.push(`${file} is ignored: a definition is a file whose name ends in .yaml or .yml`);
    for (const [file, text] of texts) await this.readFile(folder, file, text);
  }

  async readPath(path: string): Promise<void> {
    const facts = await stat(path).catch(() => undefined);
    if (!facts) throw new StartError(`There is no ${path}. Name a file with a definition, or a folder.`);
    if (!facts.isDirectory()) {
      const text = await readFile(path, 'utf8').catch((error: Error) => error);
      return this.readFile(resolve(dirname(path)), path, text);
    }
    const before = this.definitions.length + this.refused.length;
    await this.read(resolve(path));
    if (this.definitions.length + this.refused.length === before)
      throw new StartError(`${path} has no definition: these are files whose names end in .yaml or .yml.`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.yaml.end();
    await this.parameterCheck.beforeApplicationShutdown();
  }

  private async readFile(folder: string, file: string, text: string | Error): Promise<void> {
    try {
      if (text instanceof Error) throw text;
      const read = await this.parse(folder, file, await this.yaml.read(file, text));
      const { kind, definition } = read;
      const earlier = this.definitions.find(
        (other) => other.kind === kind && other.definition.slug === definition.slug,
      );
      if (earlier) throw new Error(`${earlier.file} defines the ${kind} "${definition.slug}" too`);
      this.definitions.push(read);
    } catch (error) {
      const reason = errorText(error);
      this.refused.push(error instanceof DefinitionError ? error : new DefinitionError(file, 1, reason));
    }
  }

  private async parse(folder: string, file: string, source: YamlSource): Promise<ReadDefinition> {
    const kind = kindOf(source);
    if (kind === 'service') {
      const definition = parseServiceDefinition(source, file);
      const files = await packBundle(folder, definition.beside);
      return { kind, file, definition: withBundle(definition, files), files };
    }
    const definition = await compileWorkflow(source, {
      isKnown: () => Promise.resolve(false),
      schemaReport: (schema) => this.parameterCheck.schema(schema),
      warn: (message) => this.warnings.push(message),
    });
    const files = await packBundle(folder, [parse(basename(file)).name]);
    return { kind, file, definition: withBundle(definition, files), files };
  }
}

/** @throws {DefinitionError} when it is neither. */
function kindOf(source: YamlSource): ReadDefinition['kind'] {
  const names = Object.keys(source.value as object);
  if (names.includes('document')) return 'workflow';
  if (names.includes('slug') || names.includes('command')) return 'service';
  throw source.error(
    [],
    'it is neither a workflow, which has "document", nor a service, which has "slug" and "command"',
  );
}

const withBundle = <T extends object>(definition: T, files: Bundle | undefined): T =>
  files ? { ...definition, bundle: { hash: files.hash, size: files.size } } : definition;
