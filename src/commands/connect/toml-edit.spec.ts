import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { readText } from './text-format.js';
import { restoreToml, setToml } from './toml-edit.js';

const PATH = ['mcp_servers', 'cyberun'];
const LINES = ['url = "http://127.0.0.1:8080/api/v1/mcp"', 'tool_timeout_sec = 330'];
const TABLE = ['[mcp_servers.cyberun]', ...LINES, ''].join('\n');

const TOP = 'limit = 10000';

const set = (text: string, top: readonly string[] = []) =>
  setToml(text, { top, path: PATH, lines: LINES }, readText(Buffer.from(text)).format);
const restored = (text: string, top?: readonly string[]): string => {
  const { text: edited, before } = set(text, top);
  return restoreToml(edited, before);
};

const REAL = `# Codex
model = "gpt-5.2" # fast
notify = [
  "notify-send", # a [bracket] in a comment
  "Codex",
]
instructions = """
[mcp_servers.cyberun]
is text here"""

[mcp_servers.docs]
command = "npx"
args = ["-y", "docs"]

[mcp_servers.docs.env]
TOKEN = 'secret'

# about the projects
[projects."/home/me/a.b"]
trust_level = "trusted"
`;

it('a table is added at the end, after an empty line, and an undo leaves the file as it was', () => {
  expect(set(REAL).text).toBe(`${REAL}\n${TABLE}`);
  expect(restored(REAL)).toBe(REAL);
  expect(set('').text).toBe(TABLE);
});

it('a table that is there is replaced with those below it, and comes back with its comments', () => {
  const old =
    '[mcp_servers.cyberun] # old\nurl = "http://old"\n# keep\nenabled = false\n\n[mcp_servers.cyberun.env_http_headers]\nX = "Y"\n';
  const text = `a = 1\n${old}\n# about the next\n[tui]\ntheme = "x"\n`;
  expect(set(text).text).toBe(`a = 1\n${TABLE}\n# about the next\n[tui]\ntheme = "x"\n`);
  expect(restored(text)).toBe(text);
});

it('line ends of Windows stay, and a missing one at the end is added', () => {
  const text = 'a = 1\r\n[tui]\r\nb = 2';
  expect(set(text).text).toBe(`${text}\r\n\r\n${TABLE.replaceAll('\n', '\r\n')}`);
});

it('an undo keeps what was changed elsewhere since, and does nothing when the table is gone', () => {
  const { text, before } = set('a = 1\n');
  expect(restoreToml(`${text}\n[tui]\nb = 2\n`, before)).toBe('a = 1\n\n[tui]\nb = 2\n');
  expect(restoreToml('a = 2\n', before)).toBe('a = 2\n');
});

it.each([
  ['', `${TOP}\n\n${TABLE}`],
  ['a = 1 # one\n[tui]\n', `a = 1 # one\n${TOP}\n[tui]\n\n${TABLE}`],
  ['a = 1', `a = 1\n${TOP}\n\n${TABLE}`],
  ['# mine\n[tui]\n', `${TOP}\n\n# mine\n[tui]\n\n${TABLE}`],
  ['limit = 5\n[tui]\n', `limit = 5\n[tui]\n\n${TABLE}`],
])('a key above all tables is added to %j unless the file has it, and taken out again', (text, edited) => {
  expect(set(text, [TOP]).text).toBe(edited);
  expect(set(edited, [TOP]).text).toBe(edited);
  expect(restored(text, [TOP]).trimEnd()).toBe(text.trimEnd());
});

it.each([
  'mcp_servers.cyberun.url = "x"\n',
  'mcp_servers = { cyberun = {} }\n',
  '[mcp_servers]\ncyberun = { url = "x" }\n',
  '[mcp_servers]\ncyberun.url = "x"\n',
])('a table that is written as %j is left to its user', (text) =>
  expect(() => set(text)).toThrow(/not as a table of its own; change that by hand/),
);

it.each([
  ['a = 1\nnothing\n', 'line 2 is neither a table nor a key'],
  ['a = "no end\n', 'the value in line 1 has no end'],
  ['a = 1\nb = [1,\n', 'the value in line 2 has no end'],
  ['a = """\n', 'the value in line 1 has no end'],
  ['[mcp_servers\n', 'line 1 is neither'],
  ['a =\n', 'the value in line 1 has no end'],
])('the broken file %j is refused with its line', (text, reason) => {
  expect(() => set(text)).toThrow(`it is not valid TOML: ${reason}`);
});

it('any file keeps its lines, and is the same after an undo', () => {
  const name = fc.constantFrom(
    'tui',
    'mcp_servers.docs',
    'mcp_servers . "a.b"',
    'projects."/x]y"',
    'profiles.fast',
  );
  const value = fc.oneof(
    fc.integer().map(String),
    fc.string({ unit: 'grapheme-ascii' }).map((text) => JSON.stringify(text)),
    fc.constantFrom(
      "'a # b'",
      '[1, [2, 3]]',
      '[\n  "a", # ]\n  "b",\n]',
      '{ a = "}", b = [1] }',
      '"""\n[x]\n# no comment\n"""',
      "'''\n\"\n'''",
    ),
  );
  const line = fc.oneof(
    value.map((each) => `key-1 = ${each}`),
    name.map((each) => `[${each}]`),
    name.map((each) => `[[ ${each} ]] # many`),
    fc.constantFrom('', '# a comment', '  "quoted key" = true # why'),
  );
  fc.assert(
    fc.property(fc.array(line), fc.boolean(), (lines, isWindows) => {
      const unix = lines.map((each) => `${each}\n`).join('');
      const text = isWindows ? unix.replaceAll('\n', '\r\n') : unix;
      const { text: edited } = set(text);
      expect(edited.startsWith(text)).toBe(true);
      expect(set(edited).text).toBe(edited);
      expect(restored(text)).toBe(text);
      expect(restored(text, [TOP])).toBe(text);
    }),
    { numRuns: 100 },
  );
});
