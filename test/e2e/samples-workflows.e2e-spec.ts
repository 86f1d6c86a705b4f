import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { packagePaths } from '../../src/config/index.js';
import { compileText } from '../support/compile.js';
import { decodePng } from '../support/png.js';
import { progressValues, SampleScript } from '../support/sample.js';

const TEXT = `One fish, two fish. Red fish, blue fish!

Blue birds don’t swim; fish & <chips> do. Extraordinary, isn't it?
`;

describe('text-statistics', () => {
  const open = () => SampleScript.open('workflows/text-statistics.yaml');

  it('text-statistics counts what is in a text that was counted by hand', async () => {
    await using sample = await open();
    const { exitCode, result, stdout } = await sample.run({
      text: await sample.input('fish.txt', TEXT),
      top: 3,
    });
    expect(exitCode).toBe(0);
    expect(result).toMatchObject({
      file: 'fish.txt',
      bytes: Buffer.byteLength(TEXT),
      characters: TEXT.length,
      lines: 3,
      paragraphs: 2,
      sentences: 4,
      words: 18,
      unique_words: 13,
      average_sentence_length: 4.5,
      most_frequent: [
        { word: 'fish', count: 5 },
        { word: 'blue', count: 2 },
        { word: 'birds', count: 1 },
      ],
    });
    // 18 words in 4 sentences, one of them of 7 letters or more; 78 letters.
    expect(result).toMatchObject({
      average_word_length: 4.33,
      readability: { lix: 10.06, ari: 1.23 },
    });
    expect(progressValues(stdout)).toEqual([0.25, 0.5, 0.75, 1]);
  });

  it('text-statistics draws a chart that is well formed with any file name', async () => {
    await using sample = await open();
    const text = await sample.input(`a<b>&"c.txt`, `${TEXT} ${'x'.repeat(40)}`);
    const { file } = await sample.run({ text, min_length: 1, top: 40 });
    const chart = (await file('chart.svg')).toString();
    expect(chart).toContain('a&#60;b&#62;&#38;&#34;c.txt');
    expect(chart).toContain(`${'x'.repeat(17)}…`);
    expect(unclosed(chart)).toEqual([]);
  });

  it('text-statistics knows scripts other than Latin', async () => {
    await using sample = await open();
    const text = await sample.input('t.txt', 'Привет, мир! Мир тесен. 你好世界。');
    const { result } = await sample.run({ text, min_length: 2, top: 1 });
    expect(result).toMatchObject({
      sentences: 3,
      most_frequent: [{ word: 'мир', count: 2 }],
    });
  });

  it.each([
    ['is no text', new Uint8Array([0xff, 0xfe, 0x00]), 'The file is not UTF-8 text.'],
    ['has no words', '… — !', 'The text has no words.'],
  ])('text-statistics fails with one sentence when the file %s', async (_what, content, sentence) => {
    await using sample = await open();
    const { exitCode, stderr, result } = await sample.run({ text: await sample.input('t.txt', content) });
    expect({ exitCode, stderr: stderr.trim(), result }).toEqual({
      exitCode: 1,
      stderr: sentence,
      result: undefined,
    });
  });
});

describe('mandelbrot', () => {
  const open = () => SampleScript.open('workflows/mandelbrot.yaml');

  it('mandelbrot renders a picture whose pixels are known', async () => {
    await using sample = await open();
    const { exitCode, stdout, result, file } = await sample.run({ size: 64, iterations: 80 });
    const bytes = await file('mandelbrot.png');
    const { width, height, pixel } = decodePng(bytes);
    expect({ exitCode, width, height }).toEqual({ exitCode: 0, width: 64, height: 64 });
    expect(result).toMatchObject({
      file: 'mandelbrot.png',
      width: 64,
      bytes: bytes.length,
      palette: 'ocean',
    });
    // The middle, -0.65, is inside the set; the corner is far outside.
    expect(pixel(32, 32)).toEqual([0, 0, 0]);
    expect(pixel(0, 0)).not.toEqual([0, 0, 0]);
    // The set is its own mirror image in the real axis.
    for (let row = 0; row < height / 2; row++) {
      const columns = Array.from({ length: width }, (_none, column) => column);
      expect(columns.map((column) => pixel(column, row))).toEqual(
        columns.map((column) => pixel(column, height - 1 - row)),
      );
    }
    const seen = progressValues(stdout);
    expect(seen).toHaveLength(21);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });

  it('mandelbrot draws a set of the known area', async () => {
    await using sample = await open();
    const { result } = await sample.run({ size: 128, iterations: 300 });
    // The area of the set is 1.5066; the view is 3 by 3.
    expect((result as { inside_share: number }).inside_share).toBeCloseTo(1.5066 / 9, 2);
  });

  it('mandelbrot shows another colour for another palette, at another place', async () => {
    await using sample = await open();
    const view = { size: 16, center_x: -0.7453, center_y: 0.1127, zoom: 200, iterations: 200 };
    const pictures = new Set<string>();
    for (const palette of ['ocean', 'fire', 'twilight', 'mono']) {
      const { file } = await sample.run({ ...view, palette });
      const { pixel } = decodePng(await file('mandelbrot.png'));
      pictures.add(pixel(0, 0).join(' '));
    }
    expect(pictures.size).toBe(4);
  });
});

const SHIPPED = definitionsIn('workflows');
const compiled = (path: string) => compileText(path, readFileSync(join(packagePaths.root, path), 'utf8'));

it.each([...SHIPPED, ...definitionsIn('test/fixtures/workflows')])('the runtime loads %s', async (path) =>
  expect(await compiled(path)).toMatchObject({ slug: basename(path, '.yaml'), steps: expect.any(Array) }),
);

it.each(SHIPPED)('%s describes everything for a model', async (path) => {
  const { display_name, description, schema } = await compiled(path);
  for (const text of [display_name, description]) expect(text).not.toBe('');
  for (const property of Object.values(schema.properties ?? {})) {
    expect(property).toMatchObject({ title: expect.any(String), description: expect.any(String) });
  }
});

function definitionsIn(folder: string): string[] {
  return readdirSync(join(packagePaths.root, folder))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => join(folder, file));
}

/** Elements of a document that are opened and not closed, or closed and not opened. */
function unclosed(document: string): string[] {
  const open: string[] = [];
  for (const [, slash, name = '', end] of document.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (end === '/') continue;
    if (slash === '') open.push(name);
    else if (open.pop() !== name) return [`/${name}`];
  }
  return open;
}
