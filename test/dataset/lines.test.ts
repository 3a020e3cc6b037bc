// Streams as lines and CSV records: the same however they are cut.

import { Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCsv } from '../../src/dataset/csv.ts';
import { csvRecords } from '../../src/dataset/csv-stream.ts';
import { linesOf } from '../../src/dataset/lines.ts';

function* cut(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes.length > 0 ? sizes[i % sizes.length]! : bytes.length;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 5 });

test('lines are those of the whole text, and too long ones are known by number only', async () => {
  const text = fc
    .array(fc.constantFrom('a', 'é', '\n', '\r\n', '\r', '{}', 'long long line'), { maxLength: 30 })
    .map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(text, sizes, fc.integer({ min: 0, max: 12 }), async (text, sizes, maxBytes) => {
      const lines = [];
      for await (const line of linesOf({ chunks: cut(Buffer.from(text), sizes), maxBytes })) lines.push(line);
      const whole = text.split('\n');
      if (whole.at(-1) === '') whole.pop();
      const expected = whole.map((one, i) => {
        const bytes = Buffer.from(one.replace(/\r$/, ''));
        return [i + 1, bytes.length > maxBytes ? undefined : bytes.toString()];
      });
      expect(lines.map(({ line, bytes }) => [line, bytes?.toString()])).toEqual(expected);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('CSV from a stream is CSV from a text, and lines may end in several ways in one file', async () => {
  const cells: Record<string, string> = {
    ...{ a: 'a', é: 'é', '1.5': '1.5', ' b ': 'b', '"x,y"': 'x,y', '"a ""b"""': 'a "b"' },
    ...{ '': '', '"two\nlines"': 'two\nlines', '"three\r\n\r\nlines"': 'three\r\n\r\nlines' },
  };
  const cell = fc.constantFrom(...Object.keys(cells));
  const end = fc.constantFrom('\n', '\r\n', '\r', '\n\n');
  const table = fc.tuple(
    fc.constantFrom(',', ';'),
    fc.array(fc.tuple(fc.tuple(cell, cell, cell), end), { maxLength: 8 }),
    fc.boolean(),
  );
  await fc.assert(
    fc.asyncProperty(table, sizes, async ([comma, rows, bom], sizes) => {
      const lines = rows.map(([row, end]) => row.join(comma) + end);
      const text = `${bom ? '\uFEFF' : ''}${['id', 'name', 'price'].join(comma)}\r\n${lines.join('')}`;
      const open = () => Readable.from(cut(Buffer.from(text), sizes));
      const records = [];
      for await (const record of csvRecords({ open, maxRecordBytes: 1000 })) records.push(record);
      const read = readCsv({ text, tabs: false });
      expect(read.problems).toEqual([]);
      expect(records).toEqual(read.records);
      let line = 2;
      const expected = rows.map(([row, end]) => {
        const last = line + row.join('').split('\n').length - 1;
        line = last + (end === '\n\n' ? 2 : 1);
        return [last, row.map((text) => cells[text]).filter((text) => text !== '')];
      });
      expect(records.map((record) => [record.line, 'cells' in record && [...record.cells.values()]])).toEqual(
        expected,
      );
    }),
    { seed: 2, numRuns: 300 },
  );
});

test.each([
  ['never closed', '1,a\n2,"b\n3,c\n4,d\n', [3, /never closed: the rest of the file was read as one cell/]],
  ['after rows of several lines', '1,"a\r\nb"\r\n\r\n2,"b\r\n3,c', [5, /never closed/]],
  ['closed by a later one', '1,a\n2,"b\n3,"c"\n4,d\n', [3, /quote .* line 4: .*; lines 3 to 4 were/]],
  ['in a later row again', '1,a\n2,"b\n3,"c\n4,d\n', [3, /never closed/]],
])('CSV: a quote that is %s is reported where its row begins', async (_, rows, [line, reason]) => {
  const text = `id,name\n${rows}`;
  const problem = { line, reason: expect.stringMatching(reason as RegExp) };
  expect(readCsv({ text, tabs: false }).problems).toEqual([problem]);
  const open = () => Readable.from(cut(Buffer.from(text), [3]));
  const records = [];
  for await (const record of csvRecords({ open, maxRecordBytes: 1000 })) records.push(record);
  expect(records.filter((record) => 'problem' in record)).toEqual([
    { line, problem: expect.stringMatching(reason as RegExp) },
  ]);
});

test('CSV: a bad record is a problem in its place, one without an end is the end', async () => {
  const read = async (text: string) => {
    const records = [];
    for await (const record of csvRecords({
      open: () => Readable.from([Buffer.from(text)]),
      maxRecordBytes: 50,
    })) {
      records.push(
        'problem' in record ? [record.line, 'problem'] : [record.line, [...record.cells.values()]],
      );
    }
    return records;
  };
  expect(await read('id,name\n1,a\n2\n3,b"c"d\n4,d\n5,e\n')).toEqual([
    [2, ['1', 'a']],
    [3, 'problem'],
    [4, 'problem'],
    [5, ['4', 'd']],
    [6, ['5', 'e']],
  ]);
  await expect(read(`id,name\n1,"${'x'.repeat(100)}\n2,a\n`)).rejects.toMatchObject({
    code: 'dataset_invalid',
  });
  await expect(read('')).rejects.toMatchObject({ code: 'dataset_invalid' });
  await expect(read('id,id\n')).rejects.toMatchObject({ code: 'dataset_invalid' });
});
