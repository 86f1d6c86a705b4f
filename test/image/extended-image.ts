import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { compiledGlossary } from '../support/compiled-glossary.js';
import { MarkdownFile } from '../support/documents.js';
import { buildah } from './tool.js';

/** Builds the Dockerfile of docs/extending.md over an image, with the module of the README as the extension. */
export function extendImage(base: string, name: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'cyberun-extension-'));
  try {
    const [dockerfile] = new MarkdownFile('docs/extending.md').snippets('dockerfile');
    const here = (dockerfile?.text ?? '').replace('registry.example.com/cyberun-mcp', base);
    mkdirSync(join(folder, 'dist'));
    writeFileSync(join(folder, 'Dockerfile'), here);
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', main: 'dist/main.js' }));
    writeFileSync(join(folder, 'dist/main.js'), compiledGlossary());
    buildah(['bud', '--isolation', 'chroot', '--pull-never', '--tag', name, folder]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
