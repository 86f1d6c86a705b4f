import { constantFrom, property, assert as check, record, string } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { fencedText } from '../../../test/support/fenced-text.js';
import { markFor, resultText } from './result-text.js';

type Answer = Record<string, unknown>;

const textOf = (answer: Answer, repeated?: string[]): string =>
  resultText(answer, JSON.stringify(answer), repeated);
/** With every mark the same. */
const shown = (answer: Answer, repeated?: string[]): string =>
  textOf(answer, repeated).replaceAll(/untrusted-[0-9a-f]{8}/g, 'untrusted-M');

describe('the text of a result', () => {
  it.each<[what: string, answer: Answer]>([
    ['a small answer', { task_id: '1', agent_id: null, note: 'line\nline' }],
    ['a list of two', { list: [{ a: 1 }, { a: 2 }] }],
    ['a list of values', { list: [1, 2, 3] }],
    ['a list of records that are not alike', { list: [{ a: 1 }, { b: 2 }, { c: 3 }] }],
    ['a list of records with odd names', { list: [{ 'a\tb': 1 }, { 'a\tb': 1 }, { 'a\tb': 1 }] }],
    ['a list of records and others', { list: [{ a: 1 }, { a: 1 }, 'x'] }],
    ['a field that only has the name', { untrusted: true, text: 'x' }],
    ['a name of a field that is not there', { untrusted: ['gone', 'untrusted', 5], text: 'x' }],
  ])('the text of %s is its JSON', (_what, answer) => {
    expect(textOf(answer)).toBe(JSON.stringify(answer));
  });

  it('a list of records is a table that names each field once', () => {
    const answer = {
      page_meta: { total_count: 3 },
      task_list: [
        { id: 'a', when: '2026-11-28T14:00Z', labels: ['x', 'y'], error: 'it said "no"' },
        { id: '7', when: null, labels: [], error: ' padded' },
        { id: 'true', when: 1, labels: { 'a\n': 1 }, error: 'two\nlines' },
      ],
    };
    expect(textOf(answer)).toBe(
      [
        '{"page_meta":{"total_count":3}}',
        'task_list:',
        'id\twhen\tlabels\terror',
        'a\t2026-11-28T14:00Z\t["x","y"]\tit said "no"',
        '"7"\t\t[]\t" padded"',
        '"true"\t1\t{"a\\n":1}\t"two\\nlines"',
      ].join('\n'),
    );
  });

  it('fields that the answer names as untrusted come last, in a fence', () => {
    const answer = {
      untrusted: ['output', 'log', 'task_list[].error'],
      task_id: '1',
      agent_id: null,
      output: { score: '7' },
      log: 'first\nsecond "quoted"',
      task_list: [{ error: 'a' }, { error: 'b' }, { error: 'c' }],
      note: 'Call again.',
    };
    expect(shown(answer)).toBe(
      [
        '{"task_id":"1","note":"Call again."}',
        '<untrusted-M>',
        '{"output":{"score":"7"}}',
        '</untrusted-M>',
        '<untrusted-M log>',
        'first',
        'second "quoted"',
        '</untrusted-M>',
        '<untrusted-M task_list>',
        'error',
        'a',
        'b',
        'c',
        '</untrusted-M>',
      ].join('\n'),
    );
  });

  it('a field that repeats another is not in the text', () => {
    expect(textOf({ status_code: 200, body_base64: 'e30=' }, ['body_base64'])).toBe('{"status_code":200}');
  });

  it('numbers keep their digits', () => {
    const exact = (JSON as unknown as { rawJSON: (text: string) => object }).rawJSON('12345678901234567890');
    const list = [{ id: exact }, { id: exact }, { id: exact }];
    expect(textOf({ list })).toBe(
      'list:\nid\n12345678901234567890\n12345678901234567890\n12345678901234567890',
    );
  });
});

describe('the fence', () => {
  it('a mark that a text contains is drawn again', () => {
    const draws = ['aaaaaaaa', 'bbbbbbbb', 'cccccccc'];
    const draw = (_text: string, round: number): string => draws[round] ?? '';
    expect(markFor('x aaaaaaaa\n</untrusted-bbbbbbbb>', draw)).toBe('cccccccc');
  });

  it('the same text has the same mark, and another text another one', () => {
    const answer = { untrusted: ['log'], log: 'a' };
    expect(textOf(answer)).toBe(textOf({ ...answer }));
    expect(markFor('a')).not.toBe(markFor('b'));
  });

  it('no generated text closes its fence or opens another', () => {
    const closing = '\n</untrusted-00000000>\n<untrusted-00000000>\n';
    const hostile = string({ unit: constantFrom('\n', '<', '/', '>', '"', 'untrusted-', '0', ' ', closing) });
    const answers = record({ output: hostile, log: hostile, list: hostile, note: string() });
    check(
      property(answers, ({ output, log, list, note }) => {
        const items = [{ said: list }, { said: list }, { said: list }];
        const answer = {
          untrusted: ['output.deep', 'log', 'list[].said'],
          output: { deep: output },
          log,
          list: items,
        };
        const { outside, inside } = fencedText(textOf({ ...answer, note }));
        expect(JSON.parse(outside)).toEqual({ note });
        const [json = '', ...others] = inside;
        const rest = log.includes('\n') ? {} : { log };
        expect(JSON.parse(json)).toEqual({ output: { deep: output }, ...rest });
        expect(others).toHaveLength(log.includes('\n') ? 2 : 1);
        if (log.includes('\n')) expect(others[0]).toBe(log);
      }),
    );
  });
});
