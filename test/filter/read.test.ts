import { describe, expect, test } from 'vitest';
import { type FilterInput, readFilter } from '../../src/filter/read.ts';

const match = (key: string, ...values: unknown[]) => ({
  kind: 'test',
  key,
  test: { op: 'in', values: new Set(values) },
});
const deep = (levels: number): object => (levels === 0 ? { has_id: ['a'] } : { must: [deep(levels - 1)] });

describe('expressions', () => {
  test.each([
    [`brand = "x"`, match('brand', 'x')],
    [`brand='x'`, match('brand', 'x')],
    [`price = -1.5e3`, match('price', -1500)],
    [`new = TRUE`, match('new', true)],
    ['`and` = .5', match('and', 0.5)],
    ['Größe.eu-40 = 1', match('Größe.eu-40', 1)],
    [`a = "say \\"hi\\" \\\\"`, match('a', 'say "hi" \\')],
    ['tags IN []', match('tags')],
    ['a != 1', { kind: 'not', of: match('a', 1) }],
    ['a not in [1, "b"]', { kind: 'not', of: match('a', 1, 'b') }],
    ['group = "g"', { kind: 'group', values: new Set(['g']) }],
    ['has_id = "i"', { kind: 'id', values: new Set(['i']) }],
    ['a IS NOT NULL', { kind: 'not', of: { kind: 'test', key: 'a', test: { op: 'empty' } } }],
    ['a CONTAINS "Red Chair"', { kind: 'test', key: 'a', test: { op: 'text', words: ['red', 'chair'] } }],
    ['a 1 TO 2', { kind: 'test', key: 'a', test: { op: 'range', gte: 1, lte: 2 } }],
    [
      'a = 1 OR b = 2 AND NOT c = 3',
      {
        kind: 'any',
        of: [match('a', 1), { kind: 'all', of: [match('b', 2), { kind: 'not', of: match('c', 3) }] }],
      },
    ],
    [
      '(a = 1 OR b = 2) AND c = 3',
      { kind: 'all', of: [{ kind: 'any', of: [match('a', 1), match('b', 2)] }, match('c', 3)] },
    ],
  ])('%s', (source, expected) => {
    expect(readFilter(source)).toEqual(expected);
  });

  test.each([
    ['', 'the name of an attribute at character 1, received the end'],
    ['brand', '=, !=, <, <=, >, >=, IN, CONTAINS, IS or a number at character 6, received the end'],
    ['brand = x', 'a number, true, false, or a text in quotes at character 9, received x'],
    ['brand = "x', 'a name, a value or a sign at character 9, received "x'],
    ['brand = "x" price < 5', 'AND, OR or the end at character 13, received price < 5'],
    ['(a = 1', '")" at character 7, received the end'],
    ['a IN [1, ]', 'a number, true, false, or a text in quotes at character 10'],
    ['a IN 1', '"[" at character 6'],
    ['and = 1', 'the name of an attribute at character 1'],
    ['a IS 5', 'NULL or EMPTY at character 6'],
    ['a 5', 'TO at character 4'],
    ['a < true', 'filter: a.lt: expected a finite number or a string, received true'],
    ['a 1 TO "b"', 'bounds of one type'],
    ['a CONTAINS 5', 'a text with at least one word, received 5'],
    ['group > 5', 'a match by value, any or except for "group"'],
    ['has_id = 5', 'expected strings, received 5'],
    ['a = 5x', 'a name, a value or a sign at character 5'],
    ['a = 1 & b = 2', 'a name, a value or a sign at character 7'],
    ['a = 1e999', 'strings, finite numbers, true or false'],
    [`${'('.repeat(40)}a = 1${')'.repeat(40)}`, 'at most 16 groups inside each other'],
    [`${'NOT '.repeat(40)}a = 1`, 'at most 16 groups inside each other'],
    [Array(300).fill('a = 1').join(' OR '), 'at most 256 conditions'],
    [`a IN [${Array(10_001).fill('1').join(',')}]`, 'at most 10000 values'],
  ])('refuses %.60s', (source, message) => {
    expect(() => readFilter(source)).toThrow(message);
    expect(() => readFilter(source)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  test('a long one is read in a moment', () => {
    const ids = Array.from({ length: 9999 }, (_, i) => `"${i}"`);
    expect(readFilter(`has_id IN [${ids.join(', ')}]`)).toMatchObject({ kind: 'id' });
    expect(() => readFilter(`${' '.repeat(1e6)}?`)).toThrow('at character 1000001');
    expect(() => readFilter(`a = "${'x\\'.repeat(1e5)}`)).toThrow('at character 5');
  });
});

describe('objects', () => {
  test.each([
    [null, 'invalid_argument', 'filter'],
    [[], 'invalid_argument', 'filter'],
    [5, 'invalid_argument', 'filter'],
    [{ mus: [] }, 'unknown_option', 'mus'],
    [{ key: 'a', match: { value: 1 } }, 'invalid_argument', 'filter'],
    [{ has_id: ['a'] }, 'invalid_argument', 'filter'],
    [{ must: 'x' }, 'invalid_argument', 'filter.must'],
    [{ must: [{}] }, 'invalid_argument', 'filter.must[0]'],
    [{ must: [{ key: 'a' }] }, 'invalid_argument', 'filter.must[0]'],
    [{ must: [{ key: '', match: { value: 1 } }] }, 'invalid_argument', 'filter.must[0].key'],
    [{ must: [{ key: 'a', match: { value: 1 }, range: { gt: 1 } }] }, 'invalid_argument', 'filter.must[0]'],
    [{ must: [{ key: 'a', mach: { value: 1 } }] }, 'unknown_option', 'mach'],
    [{ should: [{ key: 'a', match: {} }] }, 'invalid_argument', 'filter.should[0].match'],
    [{ should: [{ key: 'a', match: { value: 1, any: [] } }] }, 'invalid_argument', 'filter.should[0].match'],
    [{ should: [{ key: 'a', match: { values: [1] } }] }, 'unknown_option', 'values'],
    [{ should: [{ key: 'a', match: { value: null } }] }, 'invalid_argument', 'filter.should[0].match.value'],
    [{ should: [{ key: 'a', match: { any: 'x' } }] }, 'invalid_argument', 'filter.should[0].match.any'],
    [{ must_not: { key: 'a', range: {} } }, 'invalid_argument', 'filter.must_not.range'],
    [{ must_not: { key: 'a', range: { gt: null } } }, 'invalid_argument', 'filter.must_not.range'],
    [{ must_not: { key: 'a', range: { from: 1 } } }, 'unknown_option', 'from'],
    [{ must_not: { key: 'a', range: { gt: true } } }, 'invalid_argument', 'filter.must_not.range.gt'],
    [{ must: { is_null: 'a' } }, 'invalid_argument', 'filter.must.is_null'],
    [{ must: { is_null: { key: 'group' } } }, 'invalid_argument', 'filter.must.is_null'],
    [{ must: { has_id: 'a' } }, 'invalid_argument', 'filter.must.has_id'],
    [{ must: { has_id: [1] } }, 'invalid_argument', 'filter.must.has_id'],
    [{ must: { must: [{ nested: {} }] } }, 'invalid_argument', 'filter.must.must[0]'],
    [deep(20), 'invalid_argument', `filter${'.must[0]'.repeat(16)}`],
  ])('refuses %j', (input, code, field) => {
    expect(() => readFilter(input as FilterInput)).toThrow(expect.objectContaining({ code, field }));
  });

  test('nothing asked keeps everything; the deepest that is allowed is read', () => {
    for (const input of [{}, { must: [] }, { should: [] }, { must_not: [] }]) {
      expect(readFilter(input)).toEqual({ kind: 'all', of: [] });
    }
    expect(() => readFilter(deep(16))).not.toThrow();
  });
});
