import { type INestApplicationContext, Logger } from '@nestjs/common';
import { MetadataScanner, ModulesContainer } from '@nestjs/core';
import type { Module } from '@nestjs/core/injector/module.js';

import { StartError } from '../config/index.js';
import { listedToolOf, type ShownTool, TOOL_RULES } from '../mcp/index.js';
import type { ExtensionModule } from './load-modules.js';

/** A tool and where it is declared. */
interface DeclaredIn {
  readonly tool: ShownTool;
  /** Its class and method. */
  readonly method: string;
  /** The extension that has it; `undefined` for the product. */
  readonly source: string | undefined;
}

const logger = new Logger('Extensions');

/**
 * Checks the tools of extensions by the rules for those of the product, and logs which there are.
 *
 * @throws {StartError} that names the extension, its tool and the rule.
 */
export function checkExtensionTools(
  app: INestApplicationContext,
  extensions: readonly ExtensionModule[],
): void {
  const modules = [...app.get(ModulesContainer).values()];
  const sources = sourcesOf(modules, extensions);
  const tools = modules.flatMap((module) => toolsOf(module, sources.get(module)));
  for (const declared of tools) requireSound(declared, tools);
  for (const source of new Set(extensions.map((extension) => extension.source))) {
    const names = tools.filter((each) => each.source === source).map(({ tool }) => tool.name);
    logger.log(`${source} is loaded and has ${names.length === 0 ? 'no tools' : names.join(', ')}`);
  }
}

function requireSound(declared: DeclaredIn, tools: readonly DeclaredIn[]): void {
  const { tool, method, source } = declared;
  if (source === undefined) return;
  const where = `CYBERUN_MODULES: the tool ${tool.name} of ${source} (${method})`;
  const other = tools.find((each) => each.tool.name === tool.name && each !== declared);
  if (other) {
    const owner = other.source === undefined ? 'cyberun-mcp' : `${other.source} (${other.method})`;
    throw new StartError(`${where} has a name that is taken by ${owner}. Rename it.`);
  }
  for (const { sentence, faultIn } of TOOL_RULES) {
    const fault = faultIn(tool);
    if (fault !== undefined) throw new StartError(`${where} breaks the rule "${sentence}": ${fault}.`);
  }
}

/** The extension of each module that one of its modules imports, directly or not. */
function sourcesOf(modules: readonly Module[], extensions: readonly ExtensionModule[]): Map<Module, string> {
  const sources = new Map<Module, string>();
  for (const { source, module } of extensions) {
    const metatype = 'module' in module ? module.module : module;
    const open = modules.filter((each) => each.metatype === metatype);
    for (let next = open.pop(); next; next = open.pop()) {
      if (sources.has(next)) continue;
      sources.set(next, source);
      open.push(...next.imports);
    }
  }
  return sources;
}

interface ClassWithMethods {
  readonly name: string;
  readonly prototype: Record<string, object>;
}

const scanner = new MetadataScanner();

function toolsOf({ controllers }: Module, source: string | undefined): DeclaredIn[] {
  return [...controllers.values()].flatMap(({ metatype }) => {
    const { name, prototype: methods } = metatype as unknown as ClassWithMethods;
    return scanner.getAllMethodNames(methods).flatMap((key) => {
      const tool = listedToolOf(methods[key] as object, key);
      return tool ? [{ tool, method: `${name}.${key}`, source }] : [];
    });
  });
}
