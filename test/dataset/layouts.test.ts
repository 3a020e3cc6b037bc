// Small folders in exactly the layouts that the archives of the published data sets have.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readDataset } from '../../src/dataset/read.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor layouts-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const put = (path: string, text = '') => {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, text);
  return full;
};
const mat = (name: string, to = name) => {
  mkdirSync(dirname(join(folder, to)), { recursive: true });
  copyFileSync(join(import.meta.dirname, 'fixtures', name), join(folder, to));
};
const read = (path = folder, more = {}) => readDataset({ path, ...more });

describe('CUB-200-2011', () => {
  const images = [
    '001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg',
    '100.Brown_Pelican/Brown_Pelican_0122_94022.jpg',
    '101.White_Pelican/White Pelican_0077_97025.jpg',
    '101.White_Pelican/gone.jpg',
  ];
  const write = (at = '', end = '\n') => {
    const lines = (...all: string[]) => all.join(end) + end;
    for (const image of images.slice(0, 3)) put(`${at}images/${image}`);
    put(`${at}images.txt`, lines(...images.map((image, i) => `${i + 1} ${image}`), '5 lost.jpg', 'nonsense'));
    put(`${at}image_class_labels.txt`, lines('1 1', '2 100', '3 101', '4 101'));
    put(
      `${at}classes.txt`,
      lines('1 001.Black_footed_Albatross', '100 100.Brown_Pelican', '101 101.White_Pelican'),
    );
    put(`${at}bounding_boxes.txt`, lines('1 60.0 27.0 325.0 304.0', '2 139.0 30.0 153.0 264.0'));
    put(`${at}train_test_split.txt`, lines('1 0', '2 1', '3 1', '4 0'));
  };

  it.each([
    ['', '\n'],
    ['CUB_200_2011/', '\r\n'],
  ])('the first 100 classes train (in "%s", lines end in %j)', async (at, end) => {
    write(at, end);
    const { rows, problems } = await read();
    expect(rows[0]).toEqual({
      ...{ line: 1, id: images[0], label: '001.Black_footed_Albatross', tags: [], split: 'train' },
      image: join(folder, at, 'images', images[0]!),
      attributes: { closed_set: 'test' },
      box: { x: 60, y: 27, width: 325, height: 304 },
    });
    expect(rows.map(({ id, split, box }) => [id, split, box?.width])).toEqual([
      [images[0], 'train', 325],
      [images[1], 'train', 153],
      [images[2], 'test', undefined],
    ]);
    expect(problems.map(({ line }) => line)).toEqual([4, 5, 6]);
    expect(problems[0]!.reason).toMatch(/image not found: .*gone\.jpg/);
    expect(problems[1]!.reason).toBe('images.txt: image 5 has no line in image_class_labels.txt');
    expect(problems[2]!.reason).toMatch(/expected a number and a path, received "nonsense"/);
  });

  it('says which list is missing', async () => {
    write();
    rmSync(join(folder, 'classes.txt'));
    await expect(read()).rejects.toThrow('CUB-200-2011: classes.txt is missing');
  });
});

describe('Cars-196', () => {
  it('reads cars_annos.mat: names, boxes from zero, both halves', async () => {
    mat('cars_annos.mat');
    for (const n of [1, 2, 3]) put(`car_ims/00000${n}.jpg`);
    const { rows, problems } = await read();
    expect(rows.map((row) => [row.id, row.label, row.attributes.closed_set, row.split])).toEqual([
      ['car_ims/000001.jpg', 'AM General Hummer SUV 2000', 'train', 'train'],
      ['car_ims/000002.jpg', 'Citroën C4 2012', 'test', 'train'],
      ['car_ims/000003.jpg', 'Audi A4', 'train', 'train'],
    ]);
    expect(rows[0]!.box).toEqual({ x: 111, y: 6, width: 742, height: 711 });
    expect(problems).toMatchObject([
      { line: 4, kind: 'missing-file', reason: expect.stringMatching(/000004/) },
    ]);
  });

  it.each(['', 'devkit/'])('reads the halves with the lists in "%s"', async (at) => {
    for (const name of ['cars_train_annos.mat', 'cars_meta.mat']) mat(name, at + name);
    mat('cars_test_annos_withlabels.mat');
    for (const path of ['cars_train/00001.jpg', 'cars_train/00002.jpg', 'cars_test/00001.jpg']) put(path);
    const { rows, problems } = await read();
    expect(problems).toEqual([]);
    expect(rows.map(({ id, label, attributes }) => [id, label, attributes.closed_set])).toEqual([
      ['cars_train/00001.jpg', 'Citroën C4 2012', 'train'],
      ['cars_train/00002.jpg', 'AM General Hummer SUV 2000', 'train'],
      ['cars_test/00001.jpg', 'Audi A4', 'test'],
    ]);
  });

  it('says what is lost without the labels of the test half, and what is missing or corrupt', async () => {
    for (const name of ['cars_train_annos.mat', 'cars_meta.mat']) mat(name, `devkit/${name}`);
    put('cars_train/00001.jpg');
    expect((await read()).problems[0]).toEqual({
      line: 0,
      reason: expect.stringMatching(/cars_test_annos_withlabels.mat is missing/),
    });
    rmSync(join(folder, 'devkit/cars_meta.mat'));
    await expect(read()).rejects.toThrow('Cars-196: cars_meta.mat is missing');
    put('cars_annos.mat', 'not a mat file');
    await expect(read()).rejects.toThrow(/Not a readable MAT-file/);
    mat('types.mat', 'cars_annos.mat');
    await expect(read()).rejects.toThrow('cars_annos.mat has no class_names');
  });

  it('the first 98 classes train', async () => {
    // The only way to more than the fixture's three classes without 196 names: numbers are what counts.
    const { zeroShotSplit } = await import('../../src/dataset/layouts/cars.ts');
    expect([1, 98, 99, 196].map(zeroShotSplit)).toEqual(['train', 'train', 'test', 'test']);
  });
});

describe('Stanford Online Products', () => {
  const header = 'image_id class_id super_class_id path';

  it('reads both lists, whatever the line ends', async () => {
    put('bicycle_final/111085122871_0.JPG');
    put('toaster_final/a b_1.JPG');
    put(
      'Ebay_train.txt',
      `${header}\r\n1 1 1 bicycle_final/111085122871_0.JPG\r\n2 1 1 bicycle_final/no.JPG\r\n`,
    );
    put(
      'Ebay_test.txt',
      `${header}\n59552 11319 12 toaster_final/a b_1.JPG\n59553 11319 toaster_final/x.JPG\n`,
    );
    const { rows, problems } = await read();
    expect(rows).toEqual([
      {
        ...{ line: 2, id: 'bicycle_final/111085122871_0.JPG', label: '1', tags: [], split: 'train' },
        image: join(folder, 'bicycle_final/111085122871_0.JPG'),
        attributes: { category: 'bicycle', super_class_id: 1 },
      },
      expect.objectContaining({ id: 'toaster_final/a b_1.JPG', label: '11319', split: 'test' }),
    ]);
    expect(problems.map(({ line }) => line)).toEqual([3, 3]);
    rmSync(join(folder, 'Ebay_test.txt'));
    expect((await read()).problems[0]).toEqual({ line: 0, reason: 'Ebay_test.txt is missing' });
  });
});

describe('In-Shop', () => {
  const image = (n: number) => `img/WOMEN/Blouses_Shirts/id_0000000${n}/02_1_front.jpg`;
  const list = [
    '4',
    'image_name item_id evaluation_status',
    `${image(1)}                          id_00000001 train  `,
    `${image(2)}                          id_00000002 query`,
    `${image(3)}                          id_00000002 gallery`,
    `${image(4)}                          id_00000002 somewhere`,
    `${image(2)}                          id_00000002 gallery`,
  ].join('\r\n');

  it.each([
    ['Eval/', ''],
    ['', 'Img/'],
  ])('reads roles and boxes (list in "%s", images in "%s")', async (at, images) => {
    for (const n of [1, 2, 3]) put(images + image(n));
    put(`${at}list_eval_partition.txt`, list);
    put(
      `${at === '' ? '' : 'Anno/'}list_bbox_inshop.txt`,
      `1\nimage_name clothes_type pose_type x_1 y_1 x_2 y_2\n${image(1)}   1 1 050 049 208 235\nbad 1\n`,
    );
    const { rows, problems } = await read();
    expect(rows[0]).toEqual({
      ...{ line: 3, id: image(1), label: 'id_00000001', image: join(folder, images, image(1)), tags: [] },
      ...{ split: 'train', attributes: { people: 'WOMEN', kind: 'Blouses_Shirts' } },
      box: { x: 50, y: 49, width: 158, height: 186 },
    });
    expect(rows.map(({ split, role }) => [split, role])).toEqual([
      ['train', undefined],
      ['test', 'query'],
      ['test', 'gallery'],
    ]);
    expect(problems.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^list_bbox_inshop.txt: expected seven columns/),
      expect.stringMatching(/expected image_name item_id train\|query\|gallery, received ".*somewhere"/),
      expect.stringMatching(/already on line 4 of list_eval_partition.txt$/),
    ]);
  });
});

describe('tables and lists', () => {
  it('OpenMetricLearning: split, role and box, and what is wrong with a row', async () => {
    for (const n of [1, 2, 3, 4, 5]) put(`images/${n}.jpg`);
    const path = put(
      'df.csv',
      [
        ',label,path,split,is_query,is_gallery,x_1,x_2,y_1,y_2,category',
        '0,7,images/1.jpg,train,,,10,20.5,30,60,shirt',
        '1,8,images/2.jpg,validation,True,False,,,,,shirt',
        '2,8,images/3.jpg,validation,True,True,,,,,shirt',
        '3,8,images/4.jpg,validation,,,,,,,shirt',
        '4,8,images/5.jpg,elsewhere,True,True,,,,,shirt',
      ]
        .join('\r\n')
        .replace(/^,/, 'row,'),
    );
    const { rows, problems } = await read(path);
    expect(rows).toMatchObject([
      { label: '7', split: 'train', box: { x: 10, y: 30, width: 10.5, height: 30 } },
      { label: '8', split: 'validation', role: 'query' },
      { label: '8', split: 'validation', role: 'both' },
    ]);
    expect(rows[0]!.attributes).toEqual({ row: 0, category: 'shirt' });
    expect(rows[0]).not.toHaveProperty('role');
    expect(rows[1]).not.toHaveProperty('box');
    expect(problems.map(({ line }) => line)).toEqual([5, 6]);
    expect((await read(path, { layout: 'table' })).rows).toHaveLength(5);
  });

  it('a list without a header: paths with commas, quotes, spaces', async () => {
    for (const name of ['a b/1.jpg', 'a b/2,3.jpg', 'c/4.png']) put(name);
    const path = put(
      'list.csv',
      '\uFEFFa b/1.jpg,x\r\n"a b/2,3.jpg", x\r\n\r\nc\\4.png,y\r\nc/5.png,\r\nnonsense\r\n',
    );
    const { rows, problems } = await read(path);
    expect(rows.map(({ line, id, label }) => [line, id, label])).toEqual([
      [1, 'a b/1.jpg', 'x'],
      [2, 'a b/2,3.jpg', 'x'],
      [4, 'c/4.png', 'y'],
    ]);
    expect(problems.map(({ line, reason }) => [line, reason])).toEqual([
      [5, 'list.csv: expected a label, received nothing'],
      [6, 'list.csv: expected path,label, received "nonsense"'],
    ]);
  });

  it("a PRISM noise list: paths of its authors' machine, right labels from the clean list", async () => {
    const at = 'CUB_200_2011/images/001.Black_footed_Albatross';
    for (const n of [1, 2]) put(`${at}/${n}.jpg`);
    put('lists/CUB_train.csv', `/data/${at}/1.jpg,1\n/data/${at}/2.jpg,1\n/data/${at}/3.jpg,1\n`);
    const noisy = `/data/${at}/1.jpg,1\n/data/${at}/2.jpg,101\n/data/${at}/3.jpg,7\n`;
    for (const name of ['CUB_0.2noised_train.csv', 'CUB_0.25smallclusternoised_train.csv']) {
      const { rows, problems } = await read(put(`lists/${name}`, noisy), { images: folder });
      expect(rows.map(({ label, attributes }) => [label, attributes.clean_label])).toEqual([
        ['1', '1'],
        ['101', '1'],
      ]);
      expect(rows[0]!.image).toBe(join(folder, at, '1.jpg'));
      expect(problems).toHaveLength(1);
    }
  });
});

describe('layout by name', () => {
  it('is believed over what is found, and refused where it cannot be', async () => {
    put('x/1.jpg');
    put('Ebay_train.txt', '1 1 1 x/1.jpg\n');
    expect((await read(folder, { layout: 'folder' })).rows[0]!.label).toBe('x');
    expect((await read(folder, { layout: 'sop' })).rows[0]!.label).toBe('1');
    await expect(read(folder, { layout: 'cub' })).rejects.toThrow(
      /is not CUB-200-2011: there is no image_class_labels.txt/,
    );
    await expect(read(folder, { layout: 'oml' })).rejects.toThrow(/layout: expected one of a folder/);
    await expect(read(folder, { layout: 'coco' })).rejects.toThrow(/layout: expected one of table, oml/);
    await expect(read(folder, { label: 'x' })).rejects.toThrow(/label: expected nothing/);
    const file = put('t.csv', 'image,label\nx/1.jpg,a\n');
    await expect(read(file, { layout: 'sop' })).rejects.toThrow(/layout: expected table, oml or list/);
    await expect(read(file, { layout: 'oml' })).rejects.toThrow(/layout: expected oml with columns/);
  });
});
