import { expect, it } from 'vitest';

import { traceparentOf } from './messages.js';

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const OTHER = '00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';

it.each([
  ['the header', undefined, TRACE, TRACE],
  ['the message', { traceparent: TRACE }, undefined, TRACE],
  ['the message rather than the header', { traceparent: TRACE }, OTHER, TRACE],
  ['the header when the message has none that is one', { traceparent: 'x' }, OTHER, OTHER],
  ['none when there is none', {}, undefined, undefined],
  ['none of version ff', undefined, TRACE.replace('00-', 'ff-'), undefined],
  ['none with an empty trace', undefined, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, undefined],
  [
    'none with an empty parent',
    undefined,
    `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
    undefined,
  ],
  ['none that carries more than a trace', undefined, `${TRACE}\r\nX-Evil: 1`, undefined],
])('traceparentOf takes %s', (_what, meta, header, expected) => {
  expect(traceparentOf(meta, header)).toBe(expected);
});
