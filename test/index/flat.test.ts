import { expect, test } from 'vitest';
import { FlatIndex } from '../../src/index/flat.ts';
import { vectorIndexContract } from '../contracts/vector-index.contract.ts';

vectorIndexContract('flat', (dimension) => ({ index: new FlatIndex({ dimension }), settle: () => {} }));

test('next walks the live slots upwards, over removed ones and squeezed rows', () => {
  const flat = new FlatIndex({ dimension: 1 });
  for (let slot = 0; slot < 300; slot += 3) flat.add({ slot, vector: Float32Array.of(slot) });
  const live: number[] = [];
  for (let slot = 0; slot < 300; slot += 3) if (slot % 7 !== 0) flat.remove(slot);
  for (let slot = flat.next(-1); slot !== undefined; slot = flat.next(slot)) live.push(slot);
  expect(live).toEqual(Array.from({ length: 15 }, (_, i) => i * 21));
  for (const slot of live) expect(flat.vector(slot)).toEqual(Float32Array.of(slot));
  expect(flat.highest).toBe(297);
});

test('a dimension is a positive integer', () => {
  for (const dimension of [0, -1, 2.5]) {
    expect(() => new FlatIndex({ dimension })).toThrow(/dimension: expected/);
  }
});
