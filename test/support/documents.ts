import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { packagePaths } from '../../src/config/index.js';

/** A fenced block of a document. */
export interface Snippet {
  readonly language: string;
  readonly text: string;
}

/** A Markdown file of the repository. */
export class MarkdownFile {
  readonly text: string;

  constructor(readonly path: string) {
    this.text = readFileSync(join(packagePaths.root, path), 'utf8');
  }

  /** Fenced blocks in their order, under the paragraph that begins with a bold title or under any. */
  snippets(language: string, title?: string): Snippet[] {
    const from = title === undefined ? 0 : this.text.indexOf(`**${title}**`);
    if (from < 0) throw new Error(`${this.path} has no **${title}**`);
    return [...this.text.slice(from).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)]
      .map(([, found = '', text = '']) => ({ language: found, text }))
      .filter((snippet) => snippet.language === language);
  }

  /** The first block of a language after a bold title. */
  snippet(language: string, title: string): string {
    const [first] = this.snippets(language, title);
    if (!first) throw new Error(`${this.path} has no ${language} after **${title}**`);
    return first.text;
  }

  /** Targets of links and pictures that are files of the repository, without their anchors. */
  localLinks(): string[] {
    const targets = [...this.text.matchAll(/\]\(([^)\s]+)\)|src="([^"]+)"/g)].map(
      ([, link, src]) => link ?? src ?? '',
    );
    return targets
      .filter((target) => !/^(https?:|mailto:|#)/.test(target))
      .map((target) => target.replace(/#.*$/, ''));
  }
}

/** Every document of the repository that people write by hand. */
export function handWritten(): MarkdownFile[] {
  const inFolder = (folder: string) =>
    readdirSync(join(packagePaths.root, folder))
      .filter((file) => file.endsWith('.md'))
      .map((file) => join(folder, file));
  const printed = new Set(['docs/tools.md', 'docs/configuration.md']);
  return ['', 'docs', 'docs/adr', 'docs/clients']
    .flatMap(inFolder)
    .filter((path) => !printed.has(path) && !path.startsWith('CHANGELOG'))
    .map((path) => new MarkdownFile(path));
}
