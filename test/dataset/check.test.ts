import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkDataset } from '../../src/dataset/check.ts';
import { scanDataset } from '../../src/dataset/read.ts';
import { sniff } from '../../src/image/formats.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-check-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (path: string, content: string | Buffer = '') => {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
};
/** Only the first bytes are looked at: no pixel is needed. */
const jpeg = (path: string, content = path) => put(path, Buffer.from(`\xff\xd8\xff${content}`, 'latin1'));
const check = async (path: string, more = {}) =>
  checkDataset({ dataset: await scanDataset({ path }), sniff, ...more });
const brief = (findings: readonly { line: number; kind: string }[]) =>
  findings.map(({ line, kind }) => `${line} ${kind}`);

describe('checkDataset', () => {
  it('finds a column of numbers that a few cells make texts, which is no reason to stop', async () => {
    for (const name of ['a', 'b', 'c']) jpeg(`${name}.jpg`);
    const rows = ['image,label,price', 'a.jpg,x,1', 'b.jpg,x,n/a', 'c.jpg,x,3'];
    const { findings, fatal } = await check(put('p.csv', rows.join('\n')));
    expect([brief(findings), fatal]).toEqual([['3 mixed-column'], false]);
  });

  it('lists every bad row with its kind', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) jpeg(`${name}.jpg`);
    jpeg('copy-of-a.jpg', 'a.jpg');
    jpeg('copy-of-b.jpg', 'b.jpg');
    put('empty.jpg');
    put('page.jpg', '<html>');
    mkdirSync(join(folder, 'folder.jpg'));
    const path = put(
      'shop.csv',
      [
        'id,label,image',
        '1,Red chair,a.jpg',
        '2,Red chair,b.jpg',
        '3,red  Chair,c.jpg',
        '4,red  Chair,d.jpg',
        '5,lamp,e.jpg',
        '6,Red chair,none.jpg',
        '7,Red chair,empty.jpg',
        '8,Red chair,page.jpg',
        '9,,f.jpg',
        '10,lamp,a.jpg',
        '11,Red chair,b.jpg',
        '12,Red chair,copy-of-a.jpg',
        '13,table,copy-of-b.jpg',
        '1,Red chair,f.jpg',
        '2,lamp,f.jpg',
        '14,Red chair,folder.jpg',
        '15,Red chair',
      ].join('\n'),
    );
    const without = await check(path);
    const expected = [
      '4 similar-labels',
      '7 missing-file',
      '8 not-an-image',
      '9 not-an-image',
      '10 empty-label',
      '11 two-labels',
      '12 repeated',
      '14 lone-image',
      '15 repeated',
      '16 two-labels',
      '17 missing-file',
      '18 row',
    ];
    expect(brief(without.findings)).toEqual(expected);
    expect(without).toMatchObject({ images: 9, classes: 4, fatal: true });
    expect(without.classSizes).toEqual({ least: 1, median: 2, most: 4 });
    expect(without.counts).toMatchObject({ 'not-an-image': 2, 'two-labels': 2, 'missing-file': 2, row: 1 });

    const within = await check(path, { bytes: true });
    expect(brief(within.findings)).toEqual([
      ...expected.slice(0, 7),
      '13 repeated',
      '14 two-labels',
      ...expected.slice(7),
    ]);
    const reasons = within.findings.map(({ reason }) => reason);
    expect(reasons[2]).toMatch(/^an empty file: .*empty\.jpg$/);
    expect(reasons[5]).toBe('10 is the same file as 1 on line 2, labelled "Red chair" there and "lamp" here');
    expect(reasons[8]).toBe(
      '13 is the same bytes as 2 on line 3, labelled "Red chair" there and "table" here',
    );
    expect(reasons[0]).toBe('label "red  Chair" differs from "Red chair" only by case or space');
  });

  it('takes two boxes of one image for two images', async () => {
    jpeg('a.jpg');
    const head = 'id,label,path,split,is_query,is_gallery,x_1,y_1,x_2,y_2';
    const path = put(
      'oml.csv',
      [
        head,
        '1,x,a.jpg,train,,,0,0,9,9',
        '2,y,a.jpg,train,,,9,9,20,20',
        '3,x,a.jpg,test,True,True,0,0,9,9',
      ].join('\n'),
    );
    const found = await check(path, { bytes: true });
    expect(brief(found.findings)).toEqual(['0 shared-classes', '3 lone-image', '4 repeated']);
    expect(found.splits).toEqual({ train: { images: 2, classes: 2 }, test: { images: 1, classes: 1 } });
    expect(found.fatal).toBe(false);
  });

  it('says that there are no labels, once', async () => {
    jpeg('a.jpg');
    jpeg('b.jpg');
    const { findings } = await check(put('t.csv', 'image\na.jpg\nb.jpg\n'));
    expect(brief(findings)).toEqual(['0 no-labels']);
  });

  it('finds nothing in a sound folder, reports progress, and stops when told', async () => {
    for (let n = 0; n < 40; n++) jpeg(`c${n % 4}/${n}.jpg`);
    const seen: number[] = [];
    const sound = await check(folder, {
      bytes: true,
      onProgress: ({ done, total }: { done: number; total: number }) => seen.push(done / total),
    });
    expect(sound).toMatchObject({ images: 40, classes: 4, findings: [], counts: {}, fatal: false });
    expect(seen.at(-1)).toBe(1);
    await expect(check(folder, { signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
    await expect(check(folder, { deep: true })).rejects.toThrow(/unknown option "deep"/);
  });

  it('lists problems where no row is left', async () => {
    const nothing = await check(put('t.csv', 'image,label\na.jpg,x\nb.jpg,y\n'));
    expect(brief(nothing.findings)).toEqual(['2 missing-file', '3 missing-file']);
    expect(nothing).toMatchObject({ images: 0, classes: 0, classSizes: { least: 0, median: 0, most: 0 } });
  });
});
