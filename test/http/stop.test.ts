// What stops a request, without the request.

import { expect, test } from 'vitest';
import { Stop } from '../../server/http/stop.ts';
import type { QueryOptions } from '../../src/catalogue/types.ts';
import { AttractorError } from '../../src/errors/error.ts';

const vector = new Float32Array(2);
const LATE = new AttractorError('deadline_exceeded', 'late');

test('a signal that is asked for after the client has gone is aborted; the first reason counts', () => {
  const stop = new Stop();
  stop.abort(LATE);
  stop.abort();
  expect([stop.signal.aborted, stop.signal.reason]).toEqual([true, LATE]);
  expect(stop.signalOf({ by: { vector } })).toBe(stop.signal);
});

test('one that was asked for before fires, and is the same for all who ask', () => {
  const stop = new Stop();
  const { signal } = stop;
  expect(signal.aborted).toBe(false);
  stop.abort();
  expect(signal.aborted).toBe(true);
  expect(stop.signal).toBe(signal);
});

test.each<[string, QueryOptions]>([
  ['a filter', { by: { vector }, filter: 'group = "a"' }],
  ['an empty filter', { by: { vector }, filter: {} }],
  ['a question why', { by: { id: 'a' }, why: 'b' }],
  ['an image', { by: { image: new Uint8Array(1) } }],
  ['examples', { by: { recommend: { positive: ['a'] } } }],
])('a query with %s has one from the start', (_, asked) => {
  const stop = new Stop();
  const signal = stop.signalOf(asked);
  expect(signal?.aborted).toBe(false);
  stop.abort();
  expect(signal?.aborted).toBe(true);
});

test('a query by vector or id alone has none', () => {
  const stop = new Stop();
  expect(stop.signalOf({ by: { vector } })).toBeUndefined();
  expect(stop.signalOf({ by: { id: 'a' } })).toBeUndefined();
});
