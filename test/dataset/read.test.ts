import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDataset } from '../../src/dataset/read.ts';
import { columnOf, rowsWhere } from '../../src/dataset/where.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-dataset-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (path: string, text = '') => {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
};

describe('readDataset on CSV', () => {
  it('reads rows with resolved images, tags and typed attributes', async () => {
    for (const n of [1, 2]) put(`images/${n}.jpg`);
    const path = put(
      'shop.csv',
      '\uFEFFproduct_id,name,image,tags,price,sku,new,mixed,big\r\n' +
        'p1,"Chair, red",images/1.jpg,red|wood; old,12.50,007,true,1,9007199254740993\r\n' +
        'p1,,images/2.jpg,,-3,008,false,x,1\r\n',
    );
    expect(await readDataset({ path, label: 'product_id' })).toEqual({
      problems: [],
      columns: { label: 'product_id', id: 'image', tags: 'tags' },
      warnings: [],
      rows: [
        {
          line: 2,
          id: 'images/1.jpg',
          label: 'p1',
          image: join(folder, 'images/1.jpg'),
          tags: ['red', 'wood', 'old'],
          attributes: {
            name: 'Chair, red',
            price: 12.5,
            sku: '007',
            new: true,
            mixed: '1',
            big: '9007199254740993',
          },
        },
        {
          line: 3,
          id: 'images/2.jpg',
          label: 'p1',
          image: join(folder, 'images/2.jpg'),
          tags: [],
          attributes: { price: -3, sku: '008', new: false, mixed: 'x', big: '1' },
        },
      ],
    });
  });

  it('lists every bad row with its line and goes on', async () => {
    put('a.jpg');
    put('b.jpg');
    const path = put(
      'shop.csv',
      [
        'id,label,image',
        '1,x,a.jpg',
        '1,x,b.jpg',
        '3,x,missing.jpg',
        '4,,a.jpg',
        '5,x,https://example.com/a.jpg',
        '6,x',
        '7,x,',
        ',x,a.jpg',
        '9,y,b.jpg',
        `10,y,${'iVBORw0K/+'.repeat(900)}==`,
        '"11,y,b.jpg',
      ].join('\n'),
    );
    const { rows, problems } = await readDataset({ path });
    expect(rows.map((row) => row.id)).toEqual(['1', '9']);
    expect(problems.map((problem) => problem.line)).toEqual([3, 4, 5, 6, 7, 8, 9, 11, 12]);
    const reasons = problems.map((problem) => problem.reason);
    expect(reasons[0]).toBe('id "1" is already on line 2');
    expect(reasons[1]).toMatch(/^image not found: .*missing\.jpg$/);
    expect(reasons[2]).toBe('label: expected a label, received nothing');
    expect(reasons[3]).toMatch(/URLs are not read yet/);
    expect(reasons[4]).toBe('expected 3 cells, as the header has, received 2');
    expect(reasons[5]).toBe('image: expected an image path, received nothing');
    expect(reasons[6]).toBe('id: expected an id, received nothing');
    expect(reasons[7]).toMatch(/^image: expected a path, received base64 \("iVBORw0K.{60,120}HTTP$/);
    expect(reasons[8]).toMatch(/never closed: the rest of the file/);
  });

  it('warns of columns that are texts for a few of their cells, but for article numbers', async () => {
    for (const n of [1, 2, 3]) put(`${n}.jpg`);
    const rows = 'image,price,sku,size\n1.jpg,1,10,1\n2.jpg,2,11,L\n3.jpg,n/a,012,\n';
    const { warnings, rows: read } = await readDataset({ path: put('shop.csv', rows) });
    expect(read.map(({ attributes }) => attributes.price)).toEqual(['1', '2', 'n/a']);
    expect(warnings).toEqual([
      {
        line: 4,
        reason: expect.stringMatching(/^price: 2 of its 3 cells are numbers, but "n\/a" on line 4/),
      },
    ]);
  });

  it('gives every row a class of its own where no column is a label', async () => {
    put('a.jpg');
    const { rows } = await readDataset({ path: put('shop.csv', 'image;name\na.jpg;Chair, red\n') });
    expect(rows[0]).toMatchObject({ id: 'a.jpg', label: 'a.jpg', attributes: { name: 'Chair, red' } });
  });

  it.each([
    ['name\nx\n', {}, 'dataset_invalid', /image: no column holds image paths/],
    ['', {}, 'dataset_invalid', /empty/],
    ['image,image\na,b\n', {}, 'dataset_invalid', /repeated or empty column name: "image"/],
    ['image,label\nnone.jpg,x\n', {}, 'dataset_invalid', /no usable rows; line 2: image not found/],
    [
      'image,name\na,x\n',
      { label: 'product' },
      'invalid_argument',
      /label: expected one of the columns image, name/,
    ],
  ])('refuses a file that it cannot use: %j', async (text, options, code, message) => {
    const failed = readDataset({ path: put('shop.csv', text), ...options });
    await expect(failed).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('refuses paths that are not there and files of another kind', async () => {
    await expect(readDataset({ path: join(folder, 'none.csv') })).rejects.toThrow(/No such file or folder/);
    await expect(readDataset({ path: put('shop.xlsx') })).rejects.toThrow(/path: expected a file ending in/);
    await expect(readDataset({ path: folder, colour: 1 } as never)).rejects.toThrow(
      /unknown option "colour"/,
    );
  });
});

describe('readDataset on JSONL', () => {
  it('keeps the types of the file and lists what is not an object of scalars', async () => {
    put('a.jpg');
    put('b.jpg');
    const path = put(
      'shop.jsonl',
      [
        '{"id":1,"group":"g","image":"a.jpg","tags":["x","y"],"price":"12","stock":3,"gone":null}',
        '',
        'not json',
        '[1]',
        '{"id":2,"group":"g","image":"b.jpg","size":{"w":1}}',
        '{"id":3,"group":"g","image":"b.jpg"}',
      ].join('\n'),
    );
    const { rows, problems } = await readDataset({ path });
    expect(rows.map((row) => row.id)).toEqual(['1', '3']);
    expect(rows[0]).toMatchObject({ label: 'g', tags: ['x', 'y'], attributes: { price: '12', stock: 3 } });
    expect(problems.map((problem) => problem.line)).toEqual([3, 4, 5]);
    expect(problems[2]!.reason).toBe('size: expected text, a number or a boolean, received {"w":1}');
  });
});

describe('readDataset on a folder', () => {
  it('takes the first folder as the class and lists what is no image', async () => {
    for (const path of ['chair/2.jpg', 'chair/deep/1.PNG', 'lamp/x.webp', 'lamp/notes.txt', 'loose.jpg'])
      put(path);
    put('.cache/y.jpg');
    put('lamp/.DS_Store');
    const { rows, problems } = await readDataset({ path: folder });
    expect(rows.map((row) => [row.id, row.label])).toEqual([
      ['chair/2.jpg', 'chair'],
      ['chair/deep/1.PNG', 'chair'],
      ['lamp/x.webp', 'lamp'],
    ]);
    expect(rows[1]!.image).toBe(join(folder, 'chair/deep/1.PNG'));
    expect(problems.map((problem) => problem.reason)).toEqual([
      'not an image by its name: lamp/notes.txt',
      'not in a class folder: loose.jpg',
    ]);
  });
});

describe('rowsWhere', () => {
  it('keeps rows whose column has one of the values, or has none of them', async () => {
    for (const n of [1, 2, 3]) put(`${n}.jpg`);
    const path = put('s.csv', 'image,label,view,tags\n1.jpg,a,0,x|y\n2.jpg,a,1,y\n3.jpg,b,2,\n');
    const { rows } = await readDataset({ path });
    const ids = (...conditions: Parameters<typeof rowsWhere>[0]['conditions']) =>
      rowsWhere({ rows, conditions }).map((row) => row.id);
    expect(ids({ column: 'view', values: ['0', '2'] })).toEqual(['1.jpg', '3.jpg']);
    expect(ids({ column: 'view', values: ['0'], not: true })).toEqual(['2.jpg', '3.jpg']);
    expect(ids({ column: 'tags', values: ['y'] }, { column: 'view', values: ['1'], not: true })).toEqual([
      '1.jpg',
    ]);
    expect(ids({ column: 'label', values: ['b'] })).toEqual(['3.jpg']);
    expect(() => ids({ column: 'colour', values: ['b'] })).toThrow(
      /where: expected one of the columns .*view/,
    );
  });

  it("knows the source's own names of label, id and tags, and lists them in its errors", async () => {
    for (const n of [1, 2]) put(`${n}.jpg`);
    const path = put('s.csv', 'photo,shop_class,view\n1.jpg,a,0\n2.jpg,b,1\n');
    const dataset = await readDataset({ path, image: 'photo', label: 'shop_class' });
    const ids = (column: string, value: string, not = false) =>
      rowsWhere({ ...dataset, conditions: [{ column, values: [value], not }] }).map(({ id }) => id);
    for (const name of ['shop_class', 'label']) expect(ids(name, 'b')).toEqual(['2.jpg']);
    expect(ids('photo', '1.jpg')).toEqual(['1.jpg']);
    const names = 'expected one of the columns shop_class, photo, view, received "colour"';
    expect(() => ids('colour', 'b')).toThrow(`where: ${names}`);
    expect(() => ids('colour', 'b', true)).toThrow(`whereNot: ${names}`);
    const across = { ...dataset, field: 'across' };
    expect(columnOf({ ...across, column: 'shop_class' })).toEqual(['a', 'b']);
    expect(() => columnOf({ ...across, column: 'colour' })).toThrow(`across: ${names}`);
  });

  it('knows the split and the role of a data set that has them, and only then', () => {
    const row = { line: 1, id: 'a', label: 'x', image: '/a', tags: [], attributes: {} };
    const rows = [
      { ...row, split: 'train' as const },
      { ...row, id: 'b', split: 'test' as const, role: 'query' as const },
    ];
    const ids = (column: string, value: string) =>
      rowsWhere({ rows, conditions: [{ column, values: [value] }] }).map(({ id }) => id);
    expect(ids('split', 'train')).toEqual(['a']);
    expect(ids('role', 'query')).toEqual(['b']);
    expect(() => rowsWhere({ rows: [row], conditions: [{ column: 'split', values: ['train'] }] })).toThrow(
      /where: expected one of the columns/,
    );
  });
});
