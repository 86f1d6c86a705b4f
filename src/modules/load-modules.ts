import { pathToFileURL } from 'node:url';

import type { DynamicModule, Type } from '@nestjs/common';
import { MODULE_METADATA } from '@nestjs/common/constants.js';

import { errorText, StartError } from '../config/index.js';
import { locateModule } from './module-location.js';
import { sharePackages } from './shared-packages.js';

/** A Nest module of an extension. */
export interface ExtensionModule {
  /** What names the extension to its operator: the entry of CYBERUN_MODULES. */
  readonly source: string;
  readonly module: Type<unknown> | DynamicModule;
}

/**
 * Loads the Nest modules that CYBERUN_MODULES names.
 *
 * @throws {StartError} for an entry that cannot be found or loaded, or has no module.
 */
export async function loadModules(entries: readonly string[]): Promise<ExtensionModule[]> {
  sharePackages();
  const loaded: ExtensionModule[] = [];
  for (const source of entries) {
    const url = pathToFileURL(locateModule(source)).href;
    const exports = await exportsOf(source, url);
    const modules = modulesIn(exports);
    if (modules.length === 0) throw new StartError(noModule(source, url, exports));
    loaded.push(...modules.map((module) => ({ source, module })));
  }
  return loaded;
}

type Exports = Readonly<Record<string, unknown>>;

async function exportsOf(source: string, url: string): Promise<Exports> {
  try {
    return (await import(url)) as Exports;
  } catch (error) {
    const stack = error instanceof Error ? stackOf(error) : '';
    throw new StartError(`CYBERUN_MODULES: ${source} failed while loading. ${errorText(error)}${stack}`, {
      cause: error,
    });
  }
}

/** Where it failed, which only the author of the extension can repair. */
function stackOf({ stack = '' }: Error): string {
  const lines = stack.split('\n').filter((line) => /^\s+at /.test(line) && !line.includes('node:internal'));
  return lines.length === 0 ? '' : `\n${lines.slice(0, 5).join('\n')}`;
}

/** The exported modules, each once: named, as the default, or as members of the default of a CommonJS file. */
function modulesIn(exports: Exports): ExtensionModule['module'][] {
  const { default: inner, ...named } = exports;
  const members: unknown[] =
    typeof inner === 'object' && inner !== null && !isModule(inner) ? Object.values(inner) : [inner];
  return [...new Set([...Object.values(named), ...members])].filter(isModule);
}

const METADATA = Object.values(MODULE_METADATA);

const isModuleClass = (value: unknown): value is Type<unknown> =>
  typeof value === 'function' && METADATA.some((key) => Reflect.hasMetadata(key, value));

/** Also what `forRoot()` and the like return. */
const isModule = (value: unknown): value is ExtensionModule['module'] =>
  isModuleClass(value) ||
  (typeof value === 'object' && value !== null && typeof Reflect.get(value, 'module') === 'function');

function noModule(source: string, url: string, exports: Exports): string {
  const names = Object.keys(exports).filter((name) => name !== 'module.exports');
  const has = names.length === 0 ? 'nothing' : names.join(', ');
  return `CYBERUN_MODULES names ${source}, which exports no Nest module: ${url} exports ${has}. Export a class with @Module({ controllers: […] }).`;
}
