export type TextKind = 'json' | 'markdown' | 'csv' | 'tsv' | 'text';
type PreviewKind = TextKind | 'image' | 'other';

const KINDS: Readonly<Record<string, PreviewKind>> = {
  ...Object.fromEntries(
    ['png', 'jpg', 'jpeg', 'gif', 'webp', 'avif', 'svg', 'bmp'].map((end) => [end, 'image']),
  ),
  ...Object.fromEntries(
    ['txt', 'log', 'yaml', 'yml', 'xml', 'html', 'css', 'js', 'ts', 'py'].map((end) => [end, 'text']),
  ),
  json: 'json',
  md: 'markdown',
  markdown: 'markdown',
  csv: 'csv',
  tsv: 'tsv',
};

/** How a file is shown, by the end of its name. */
export const kindOf = (name: string): PreviewKind =>
  KINDS[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? 'other';
