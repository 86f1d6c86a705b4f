import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { MarkdownFile } from '../support/documents.js';

/** A shorter piece between two variable parts is found anywhere. */
const SHORTEST = 8;

/** The sources without what separates the parts of a text that is written over several lines. */
const sources = globSync('src/**/*.ts', { cwd: packagePaths.root })
  .filter((file) => !file.endsWith('.spec.ts'))
  .map((file) => readFileSync(join(packagePaths.root, file), 'utf8'))
  .join('\n')
  .replaceAll(/['`]\s*\+\s*['`]/g, '');

const texts = [...new MarkdownFile('docs/troubleshooting.md').text.matchAll(/^### `(.+)`$/gm)].map(
  ([, text = '']) => text,
);

it.each(texts)('the sources have the text of troubleshooting "%s"', (text) => {
  const pieces = text.split(/…|(?<=[.:]) |A key/).map((piece) => piece.trim());
  const missing = pieces.filter((piece) => piece.length >= SHORTEST && !sources.includes(piece));
  expect(missing).toEqual([]);
});

it('troubleshooting has a text of every part of the product', () => {
  expect(texts.length).toBeGreaterThan(20);
});
