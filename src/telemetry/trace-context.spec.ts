import { expect, it } from 'vitest';

import { traceContextIn, traceIdsOf } from './trace-context.js';

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
])('traceContextIn takes %s', (_what, meta, traceparent, expected) => {
  expect(traceContextIn(meta, { traceparent })?.traceparent).toBe(expected);
});

it('traceContextIn takes the state that stands beside the trace, unless it is too long', () => {
  const state = { traceparent: TRACE, tracestate: 'a=b' };
  expect(traceContextIn({ traceparent: 'x', tracestate: 'c=d' }, state)).toEqual(state);
  expect(traceContextIn({ ...state, tracestate: 'a'.repeat(513) })).toEqual({ traceparent: TRACE });
});

it('traceIdsOf gives the ids of trace and span', () => {
  expect(traceIdsOf(TRACE)).toEqual({
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    span_id: 'b7ad6b7169203331',
  });
});
