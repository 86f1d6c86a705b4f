// Lets `node --import` run the TypeScript of this repository as it stands: Node strips types, but it has no
// decorators. One file is compiled at a time, with the settings of tsconfig.json; nothing is checked here.
import { existsSync, readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';

import ts from 'typescript';

const { config } = ts.readConfigFile(
  fileURLToPath(new URL('../../tsconfig.json', import.meta.url)),
  ts.sys.readFile,
);
const { options: compilerOptions } = ts.convertCompilerOptionsFromJson(
  {
    ...config.compilerOptions,
    module: 'esnext',
    moduleResolution: 'bundler',
    sourceMap: false,
    inlineSourceMap: true,
  },
  '.',
);

registerHooks({
  resolve(specifier, context, nextResolve) {
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) {
      const source = new URL(specifier.replace(/\.js$/, '.ts'), context.parentURL);
      if (existsSync(source)) return nextResolve(source.href, context);
    }
    return nextResolve(specifier, context);
  },
  load(url, context, nextLoad) {
    if (!url.endsWith('.ts')) return nextLoad(url, context);
    const fileName = fileURLToPath(url);
    const { outputText } = ts.transpileModule(readFileSync(fileName, 'utf8'), { compilerOptions, fileName });
    return { format: 'module', source: outputText, shortCircuit: true };
  },
});
