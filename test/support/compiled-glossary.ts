import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import ts from 'typescript';

import { packagePaths } from '../../src/config/index.js';

const SOURCE = 'test/fixtures/glossary/glossary.module.ts';

/** The module of the README, compiled as its author does it. */
export function compiledGlossary(): string {
  const source = readFileSync(join(packagePaths.root, SOURCE), 'utf8');
  const compilerOptions = {
    target: ts.ScriptTarget.ES2024,
    module: ts.ModuleKind.ESNext,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
  };
  const authored = source.replace('../../../src/extension/index.js', 'cyberun-mcp/extension');
  return ts.transpileModule(authored, { compilerOptions }).outputText;
}
