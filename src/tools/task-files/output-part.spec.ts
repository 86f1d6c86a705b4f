import { expect, it } from 'vitest';

import { textPart } from './output-part.js';

it('textPart gives a text that fits as it is', () => {
  expect(textPart(Buffer.from('Grüße\n'), 100)).toEqual({ text: 'Grüße\n', length: 8 });
});

it('textPart cuts at the end of a line, as JSON counts it', () => {
  const { text, length } = textPart(Buffer.from('"a"\n'.repeat(100)), 50) ?? { text: '', length: 0 };
  expect(text).toBe('"a"\n'.repeat(length / 4));
  expect(JSON.stringify(text).length).toBeLessThanOrEqual(50);
  expect(length).toBeGreaterThan(16);
});

it('textPart begins and ends at whole characters, so that parts make up the text', () => {
  const bytes = Buffer.from('äöü€😀'.repeat(20));
  for (let end = 1; end < 30; end += 1) {
    const first = textPart(bytes.subarray(0, end), 1000);
    const rest = textPart(bytes.subarray(first?.length), 10_000);
    expect(`${first?.text}${rest?.text}`).toBe(bytes.toString());
  }
  expect(textPart(bytes.subarray(1), 10)?.text).toMatch(/^ö/);
  // Between the halves of a character of UTF-16.
  for (let most = 6; most < 30; most += 1) expect(textPart(bytes, most)?.text.isWellFormed()).toBe(true);
});

it.each([[Buffer.from([0x50, 0x4b, 3, 4, 0, 0])], [Buffer.from([0x61, 0xff, 0x62])]])(
  'textPart takes %j for no text',
  (bytes) => expect(textPart(bytes, 100)).toBeUndefined(),
);
