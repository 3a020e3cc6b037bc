// The count of JSON's depth and parts: what passes, what does not, and that no text fools it.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkJson, MAX_DEPTH, MAX_PARTS } from '../../server/http/json-guard.ts';

const check = (text: string) => checkJson(Buffer.from(text));
const refused = expect.objectContaining({ code: 'invalid_argument', field: 'body' });
const nested = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

test('64 levels pass, 65 do not, and neither do brackets that never close', () => {
  check(nested(MAX_DEPTH));
  expect(() => check(nested(MAX_DEPTH + 1))).toThrow(refused);
  expect(() => check('{"a":'.repeat(MAX_DEPTH + 1))).toThrow(refused);
  expect(() => check('['.repeat(1e6))).toThrow(refused);
});

test('a million parts pass, one more does not', () => {
  check(`[${new Array(MAX_PARTS - 1).fill('[]').join()}]`);
  expect(() => check(`[${new Array(MAX_PARTS).fill('{}').join()}]`)).toThrow(refused);
  expect(() => check(`{${'"a":1,'.repeat(MAX_PARTS)}"a":1}`)).toThrow(refused);
});

test('numbers and texts are not counted, whatever is in them', () => {
  check(`[${new Array(2 * MAX_PARTS).fill(1).join()}]`);
  check(JSON.stringify('[{:"\\'.repeat(MAX_PARTS)));
  check(JSON.stringify(['\\', '[['.repeat(100), '\\"', '🪑[']));
});

test('depth is counted as a parser sees it', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 12 }), fc.integer({ min: 0, max: MAX_DEPTH }), (value, around) => {
      const text = '['.repeat(around) + JSON.stringify(value) + ']'.repeat(around);
      if (depthOf(value) + around <= MAX_DEPTH) check(text);
      else expect(() => check(text)).toThrow(refused);
    }),
    { seed: 1 },
  );
});
