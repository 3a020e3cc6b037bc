// The committed images (scripts/make-image-fixtures.ts) and a contract to read them with. Not a test.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { PreprocessContract } from '../../src/image/contract.ts';

export const fixture = (name: string): Uint8Array =>
  readFileSync(fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url)));

/** Stretches to 48 x 32 (the size of the scene) and leaves pixels in 0..255. */
export const contract = (changes: Partial<PreprocessContract> = {}): PreprocessContract => ({
  width: 48,
  height: 32,
  fit: 'fill',
  kernel: 'linear',
  shrinkOnLoad: false,
  colour: 'rgb',
  background: [255, 255, 255],
  mean: [0, 0, 0],
  std: [1, 1, 1],
  layout: 'NCHW',
  ...changes,
});

export type Rgb = readonly [number, number, number];

/** The scene: muted colours in four quadrants (top left, top right, bottom left, bottom right). */
export const QUADRANTS: readonly Rgb[] = [
  [190, 80, 70],
  [90, 150, 90],
  [80, 90, 150],
  [210, 180, 90],
];

/** Red, green, blue at column `x` and row `y` of a CHW tensor. */
export function pixelAt(tensor: Float32Array, width: number, x: number, y: number): number[] {
  const area = tensor.length / 3;
  return [0, 1, 2].map((channel) => tensor[channel * area + y * width + x]!);
}
