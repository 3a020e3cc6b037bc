// Views of an image as a fixed set: the whole image, its mirror image, crops. What can be computed once and cached, unlike
// augmentation that is drawn anew for every step.

import { createHash } from 'node:crypto';
import { invalid } from '../../src/errors/error.ts';
import type { PreprocessContract } from '../../src/image/contract.ts';
import { preprocess } from '../../src/image/preprocess.ts';

export interface View {
  /** Mirrored left to right. */
  readonly flip: boolean;
  /** 1: the image as it is served. Larger: a window of 1/zoom of its sides. */
  readonly zoom: number;
  /** Where the window is, 0 (left, top) to 1. */
  readonly x: number;
  readonly y: number;
}

/** What serving sees. */
export const PLAIN: View = { flip: false, zoom: 1, x: 0, y: 0 };

/** The image and its mirror image. */
export const FLIPS: readonly View[] = [PLAIN, { ...PLAIN, flip: true }];

/** FLIPS, and five windows of 1/1.15 of the sides (corners and centre), every second one mirrored. */
export const CROPS: readonly View[] = [
  ...FLIPS,
  ...[
    [0, 0],
    [1, 0],
    [0.5, 0.5],
    [0, 1],
    [1, 1],
  ].map(([x, y], i) => ({ flip: i % 2 === 1, zoom: 1.15, x: x!, y: y! })),
];

/** Cache key of a view: the image's own hash for what serving sees. */
export function viewKey(hash: string, view: View): string {
  const { flip, zoom, x, y } = view;
  if (!flip && zoom === 1) return hash;
  return createHash('sha256')
    .update(`${hash} ${JSON.stringify({ flip, zoom, x, y })}`)
    .digest('hex');
}

/** The pixels of a view, as preprocess gives those of the image: [3, height, width]. Throws what preprocess throws. */
export async function viewPixels(options: {
  bytes: Uint8Array;
  contract: PreprocessContract;
  view: View;
}): Promise<Float32Array> {
  const { bytes, contract, view } = options;
  const { flip, zoom, x, y } = view;
  if (!(zoom >= 1 && x >= 0 && x <= 1 && y >= 0 && y <= 1)) {
    throw invalid('view', 'a zoom of 1 or more at x and y of 0 to 1', view);
  }
  const { width, height } = contract;
  const [wide, high] = [Math.round(width * zoom), Math.round(height * zoom)];
  const whole = await preprocess({ bytes, contract: { ...contract, width: wide, height: high } });
  if (!flip && zoom === 1) return whole;
  const [left, top] = [Math.round(x * (wide - width)), Math.round(y * (high - height))];
  const pixels = new Float32Array(3 * height * width);
  for (let row = 0; row < 3 * height; row++) {
    const channel = Math.floor(row / height);
    const from = (channel * high + top + (row % height)) * wide + left;
    const line = pixels.subarray(row * width, (row + 1) * width);
    line.set(whole.subarray(from, from + width));
    if (flip) line.reverse();
  }
  return pixels;
}
