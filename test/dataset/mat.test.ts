import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMat } from '../../src/dataset/mat.ts';
import { AttractorError } from '../../src/errors/error.ts';

// Written by scipy: fixtures/make-mat.py.
const fixture = (name: string) => readFileSync(join(import.meta.dirname, 'fixtures', name));

describe('readMat', () => {
  it.each(['cars_annos.mat', 'cars_annos-plain.mat'])('%s: struct array, cells and text', (name) => {
    const found = readMat(fixture(name));
    expect([...found.keys()].sort()).toEqual(['annotations', 'class_names']);
    expect(found.get('class_names')).toEqual({
      shape: [1, 3],
      values: ['AM General Hummer SUV 2000', 'Citroën C4 2012', 'Audi A4'],
    });
    const annotations = found.get('annotations') as { shape: number[]; values: object[] };
    expect(annotations.shape).toEqual([1, 4]);
    const one = (value: number) => ({ shape: [1, 1], values: [value] });
    expect(annotations.values[1]).toEqual({
      relative_im_path: 'car_ims/000002.jpg',
      ...{ bbox_x1: one(48), bbox_y1: one(24), bbox_x2: one(441), bbox_y2: one(202) },
      ...{ class: one(2), test: one(1) },
    });
  });

  it('reads every number type column-major', () => {
    const found = readMat(fixture('types.mat'));
    expect(Object.fromEntries(found)).toEqual({
      double: { shape: [2, 3], values: [1.5, 0, -2.25, 4, 1e300, 5] },
      tiny: { shape: [1, 2], values: [-1, 2] },
      single: { shape: [1, 1], values: [0.5] },
      big: { shape: [1, 1], values: [-(2 ** 40)] },
      empty: { shape: [0, 0], values: [] },
      word: 'tail',
    });
  });

  it('reads text in two-byte units, as MATLAB itself writes it, and values that were never set', () => {
    const element = (type: number, data: Buffer) => {
      const padded = Buffer.alloc(8 + Math.ceil(data.length / 8) * 8);
      padded.writeUInt32LE(type, 0);
      padded.writeUInt32LE(data.length, 4);
      data.copy(padded, 8);
      return padded;
    };
    const ints = (...values: number[]) => Buffer.from(Int32Array.from(values).buffer);
    const head = (kind: number, shape: number[], name: string) => [
      element(6, ints(kind, 0)),
      element(5, ints(...shape)),
      element(1, Buffer.from(name)),
    ];
    const word = element(
      14,
      Buffer.concat([...head(4, [1, 3], ''), element(4, Buffer.from('aé→', 'utf16le'))]),
    );
    const cell = element(14, Buffer.concat([...head(1, [1, 2], 'cell'), word, element(14, Buffer.alloc(0))]));
    const header = fixture('types.mat').subarray(0, 128);
    expect(readMat(Buffer.concat([header, cell])).get('cell')).toEqual({
      shape: [1, 2],
      values: ['aé→', { shape: [0, 0], values: [] }],
    });
  });

  it.each([
    ['no level 5 header', (file: Buffer) => file.fill(0, 126, 128)],
    ['big-endian', (file: Buffer) => file.fill('MI', 126, 128)],
    ['only level 5', (file: Buffer) => file.fill(2, 124, 126)],
    ['corrupt', (file: Buffer) => file.fill(0xff, 140, 160)],
    ['no level 5 header', () => Buffer.from('id,label')],
  ])('refuses: %s', (message, spoil) => {
    const file = Buffer.from(fixture('cars_annos.mat'));
    expect(() => readMat(spoil(file))).toThrow(new RegExp(`Not a readable MAT-file: .*${message}`));
  });

  it('never fails in another way, wherever the file is cut or a byte is changed', () => {
    const whole = fixture('cars_annos-plain.mat');
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), fc.boolean(), (at, value, cut) => {
        const file = Buffer.from(cut ? whole.subarray(0, at) : whole);
        if (!cut) file[at] = value;
        try {
          readMat(file);
        } catch (error) {
          expect(error).toBeInstanceOf(AttractorError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
