import { buffer } from 'node:stream/consumers';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { run, script, serve, shell, type Tried } from '../../../test/support/executed-run.js';
import { validFileName } from '../../contract/index.js';
import { outputNames } from './run-result.js';

/** A file store and what it was given, under the names it was given them. */
async function store(statusOf: (name: string) => number = () => 200) {
  const stored = new Map<string, string>();
  const origin = await serve((request, response) => {
    const name = decodeURIComponent((request.url ?? '').slice(1));
    void buffer(request).then((bytes) => {
      const status = statusOf(name);
      if (status === 200) stored.set(name, bytes.toString());
      response.writeHead(status).end();
    });
  });
  return { origin, stored };
}

async function outcomeOf(command: string, statusOf?: (name: string) => number) {
  const { origin, stored } = await store(statusOf);
  const outcome = await run([shell(command)], {}, origin).outcome;
  return { ...outcome, stored };
}

const names = (files: readonly { readonly name: string }[]): string[] => files.map(({ name }) => name);

it('the name of an output is made valid, and numbered where it is taken', async () => {
  const { files, stored, warnings } = await outcomeOf(
    String.raw`cd output; echo 1 > a_b.txt; echo 2 > "$(printf "a\tb.txt")"; echo 3 > "$(printf "caf\351.txt")"`,
  );
  expect(names(files)).toEqual(['a_b-2.txt', 'a_b.txt', 'café.txt']);
  expect([...stored]).toEqual([
    ['a_b-2.txt', '2\n'],
    ['a_b.txt', '1\n'],
    ['café.txt', '3\n'],
  ]);
  expect(warnings).toEqual([
    'Output "a\\tb.txt" is kept as "a_b-2.txt".',
    'Output "caf\uFFFD.txt" is kept as "café.txt".',
  ]);
});

it('a long name of an output is shortened, and stays unique', async () => {
  const long = 'x'.repeat(218);
  const { files } = await outcomeOf(`cd output; echo 1 > a${long}1; echo 2 > b${long}1`);
  expect(names(files)).toEqual([expect.stringMatching(/^x{199}1$/), expect.stringMatching(/^x{197}1-2$/)]);
});

it('the name of an output is valid and unique for any bytes in the folder', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 255 }).map((array) => Buffer.from(array));
  const folders = fc.uniqueArray(bytes, { selector: (name) => name.toString('latin1'), maxLength: 8 });
  fc.assert(
    fc.property(folders, (folder) => {
      const given = outputNames(folder);
      expect(new Set(given).size).toBe(folder.length);
      expect(given.map(validFileName)).toEqual(given);
      folder.forEach((name, index) => {
        const text = name.toString();
        const isValid = Buffer.from(text).equals(name) && validFileName(text) === text;
        if (isValid) expect(given[index]).toBe(text);
      });
    }),
  );
});

it('an output that cannot be stored is named in a warning, and the others are stored', async () => {
  const { files, warnings } = await outcomeOf(
    'cd output; echo 1 > a; echo 2 > b; mkdir folder; ln -s a link',
    (name) => (name === 'a' ? 412 : 200),
  );
  expect(names(files)).toEqual(['b']);
  expect(warnings.toSorted()).toEqual([
    '"link" in output/ is not kept: it is a link or no regular file.',
    'Folder "folder" in output/ is not kept: only files directly in output/ are. Pack it into an archive there.',
    'Output "a" is not kept: the file store answered 412.',
  ]);
});

it('the run fails when no output can be stored', async () => {
  await expect(outcomeOf('echo 1 > output/a', () => 403)).rejects.toThrow(
    'Output a cannot be stored: the file store answered 403.',
  );
});

const limited = (files: number, bytes: number): Tried =>
  run([shell('cd output; for i in 1 2 3; do echo 12345 > $i; done')], { output_limits: { files, bytes } });

it.each([
  ['more of them', 2, 1000, /^The run left 3 files in output\/, and at most 2 are kept of one task\. Pack/],
  ['larger ones', 3, 17, /^The files in output\/ have 18 bytes, and at most 17 are kept of one task\. Leave/],
])(
  'outputs fail the run without a retry when they are %s than the limit',
  async (_what, files, bytes, sentence) => {
    await expect(limited(files, bytes).outcome).rejects.toMatchObject({
      message: expect.stringMatching(sentence),
      isFinal: true,
    });
  },
);

it('upload links are requested in batches', async () => {
  const { origin, stored } = await store();
  const { outcome } = run([shell('cd output; for i in $(seq 120); do echo $i > $i; done')], {}, origin);
  expect((await outcome).files).toHaveLength(120);
  expect(stored.size).toBe(120);
});

it.each([
  ['a byte order mark', '\uFEFF{"n":1}', '{"n":1}'],
  ['an integer of 64 bits', '{"id": 1234567890123456789}', '{"id":1234567890123456789}'],
  ['a negative one in a list', '[-9223372036854775808, 1]', '[-9223372036854775808,1]'],
  ['a number beyond the range', '{"n": 1e400}', '{"n":1e400}'],
  ['digits in a text', '{"n": "1234567890123456789"}', '{"n":"1234567890123456789"}'],
  ['100 levels', '['.repeat(100) + ']'.repeat(100), '['.repeat(100) + ']'.repeat(100)],
])('result.json with %s is the result without loss', async (_what, text, result) => {
  const code = `import { writeFileSync } from 'node:fs'; writeFileSync('output/result.json', process.argv[2]);`;
  const { output, files, warnings } = await run([script(code, [text])]).outcome;
  expect(JSON.stringify(output)).toBe(result);
  expect({ files, warnings }).toEqual({ files: [], warnings: [] });
});

it.each([
  ['nested too deep', '['.repeat(4300) + ']'.repeat(4300), /it is nested more than 100 levels deep\.$/],
  ['not JSON', '{', /it is not JSON: .*\.$/],
  ['of NaN', '{"loss": NaN}', /it is not JSON: .*; JSON has no NaN, write null or a string instead\.$/],
])(
  'result.json that is %s is kept as a file, and a warning gives the reason',
  async (_what, text, reason) => {
    const { origin, stored } = await store();
    const code = `import { writeFileSync } from 'node:fs';
      writeFileSync('output/result.json', process.argv[2]);
      writeFileSync('output/a', '1');`;
    const { output, files, warnings } = await run([script(code, [text])], {}, origin).outcome;
    expect(names(files)).toEqual(['a', 'result.json']);
    expect(stored.get('result.json')).toBe(text);
    expect(output).toEqual({ files, exit_code: 0 });
    expect(warnings).toEqual([expect.stringMatching(reason)]);
    expect(warnings[0]).toMatch(/^output\/result\.json is not used as the result, but kept as a file: /);
  },
);
