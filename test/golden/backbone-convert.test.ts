// The converter's operators against a naive reading of TFLite's definitions: NHWC loops over quantised values.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { convertClassifier } from '../../scripts/backbone/convert.ts';
import type { PoolOptions, TfliteGraph, TfliteNode, TfliteTensor } from '../../scripts/backbone/tflite.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';

type Padding = 'SAME' | 'VALID';
type Pair = readonly [number, number];

interface Map3 {
  readonly shape: readonly [number, number, number];
  readonly data: number[];
}

/** Output side and padding before, as TFLite's padding.h computes them. */
function extent(size: number, window: number, stride: number, padding: Padding): [number, number] {
  if (padding === 'VALID') return [Math.ceil((size - window + 1) / stride), 0];
  const out = Math.ceil(size / stride);
  return [out, Math.floor(Math.max(0, (out - 1) * stride + window - size) / 2)];
}

/** Calls `visit(out index, in index or -1 outside, window index)` for every window position. */
function windows(
  map: Map3,
  options: { window: Pair; strides: Pair; padding: Padding },
  visit: (out: number, at: number, tap: number) => void,
): Pair {
  const [rows, columns] = map.shape;
  const { window, strides, padding } = options;
  const [outRows, top] = extent(rows, window[0], strides[0], padding);
  const [outColumns, left] = extent(columns, window[1], strides[1], padding);
  for (let r = 0; r < outRows; r++)
    for (let c = 0; c < outColumns; c++)
      for (let y = 0; y < window[0]; y++)
        for (let x = 0; x < window[1]; x++) {
          const [row, column] = [r * strides[0] - top + y, c * strides[1] - left + x];
          const inside = row >= 0 && row < rows && column >= 0 && column < columns;
          visit(r * outColumns + c, inside ? row * columns + column : -1, y * window[1] + x);
        }
  return [outRows, outColumns];
}

function pool(map: Map3, options: PoolOptions, kind: 'max' | 'average'): Map3 {
  const depth = map.shape[2];
  const seen: number[][] = [];
  const [rows, columns] = windows(map, options, (out, at) => {
    for (let d = 0; d < depth && at >= 0; d++) {
      seen[out * depth + d] ??= [];
      seen[out * depth + d]!.push(map.data[at * depth + d]!);
    }
  });
  const data = seen.map((s) => (kind === 'max' ? Math.max(...s) : s.reduce((a, b) => a + b, 0) / s.length));
  return { shape: [rows, columns, depth], data };
}

interface Conv {
  weights: Uint8Array;
  bias: Int32Array;
  out: number;
  window: Pair;
  strides: Pair;
  padding: Padding;
}
const IN = { scale: 1 / 128, zeroPoint: 128 };
const WEIGHTS = { scale: 0.02, zeroPoint: 120 };
const OUT = { scale: 0.01, zeroPoint: 30 };

function conv(map: Map3, options: Conv): Map3 {
  const depth = map.shape[2];
  const { out, window, weights, bias } = options;
  const data: number[] = [];
  const [rows, columns] = windows(map, options, (position, at, tap) => {
    for (let o = 0; o < out; o++) {
      data[position * out + o] ??= bias[o]! * IN.scale * WEIGHTS.scale;
      for (let d = 0; d < depth && at >= 0; d++) {
        const weight = weights[(o * window[0] * window[1] + tap) * depth + d]! - WEIGHTS.zeroPoint;
        data[position * out + o]! += map.data[at * depth + d]! * weight * WEIGHTS.scale;
      }
    }
  });
  const [low, high] = [(0 - OUT.zeroPoint) * OUT.scale, (255 - OUT.zeroPoint) * OUT.scale];
  return { shape: [rows, columns, out], data: data.map((x) => Math.min(high, Math.max(low, x))) };
}

const side = fc.integer({ min: 1, max: 3 });
const scenario = fc.record({
  rows: fc.integer({ min: 5, max: 9 }),
  columns: fc.integer({ min: 5, max: 9 }),
  depth: fc.integer({ min: 1, max: 3 }),
  out: fc.integer({ min: 1, max: 3 }),
  window: fc.tuple(side, side),
  strides: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  padding: fc.constantFrom<Padding>('SAME', 'VALID'),
  poolWindow: fc.tuple(side, side),
  seed: fc.uint8Array({ minLength: 64, maxLength: 64 }),
});

/** conv, then max and average pool of its result side by side, then the mean of each channel. */
test('conv, pools, concat and global pool compute what TFLite defines', async () => {
  await fc.assert(
    fc.asyncProperty(
      scenario,
      async ({ rows, columns, depth, out, window, strides, padding, poolWindow, seed }) => {
        const byte = (i: number) => (seed[i % 64]! * 31 + i * 97) % 256;
        const image: Map3 = {
          shape: [rows, columns, depth],
          data: Array.from({ length: rows * columns * depth }, (_, i) => (byte(i) - IN.zeroPoint) * IN.scale),
        };
        const weights = Uint8Array.from({ length: out * window[0] * window[1] * depth }, (_, i) =>
          byte(i + 7),
        );
        const bias = Int32Array.from({ length: out }, (_, i) => (byte(i + 3) - 128) * 40);
        const convolved = conv(image, { weights, bias, out, window, strides, padding });
        const poolOptions: PoolOptions = {
          padding: 'SAME',
          strides: [1, 1],
          activation: 'none',
          window: poolWindow,
        };
        const [most, mean] = [pool(convolved, poolOptions, 'max'), pool(convolved, poolOptions, 'average')];
        const area = convolved.shape[0] * convolved.shape[1];
        const average = (map: Map3, d: number) =>
          map.data.reduce((s, x, i) => (i % out === d ? s + x / area : s), 0);
        const expected = [most, mean].flatMap((map) =>
          Array.from({ length: out }, (_, d) => average(map, d)),
        );

        const [h, w] = convolved.shape;
        const tensor = (name: string, shape: number[], more: Partial<TfliteTensor> = {}): TfliteTensor => ({
          name,
          shape,
          type: 'uint8',
          quantisation: OUT,
          data: new Uint8Array(0),
          ...more,
        });
        const nodes: TfliteNode[] = [
          { op: 'conv', options: { padding, strides, activation: 'none' }, inputs: [0, 1, 2], outputs: [3] },
          { op: 'max-pool', options: poolOptions, inputs: [3], outputs: [4] },
          { op: 'average-pool', options: poolOptions, inputs: [3], outputs: [5] },
          { op: 'concat', options: { axis: 3, activation: 'none' }, inputs: [4, 5], outputs: [6] },
          {
            op: 'average-pool',
            options: { ...poolOptions, padding: 'VALID', window: [h, w] },
            inputs: [6],
            outputs: [7],
          },
          { op: 'reshape', options: {}, inputs: [7], outputs: [8] },
        ];
        const tflite: TfliteGraph = {
          tensors: [
            tensor('in', [1, rows, columns, depth], { quantisation: IN }),
            tensor('w', [out, ...window, depth], { quantisation: WEIGHTS, data: weights }),
            tensor('b', [out], { type: 'int32', data: new Uint8Array(bias.buffer) }),
            tensor('layer/relu', [1, h, w, out]),
            tensor('max', [1, h, w, out]),
            tensor('avg', [1, h, w, out]),
            tensor('cat', [1, h, w, 2 * out]),
            tensor('gap', [1, 1, 1, 2 * out]),
            tensor('end', [1, 2 * out]),
          ],
          inputs: [0],
          outputs: [8],
          nodes,
        };
        const model = encodeModel(convertClassifier({ tflite, name: 't', rename: (name) => name }));
        const session = await openSession({ model, threads: 1 });
        const chw = Float32Array.from(image.data, (_, i) => {
          const position = i % (rows * columns);
          return image.data[position * depth + Math.floor(i / (rows * columns))]!;
        });
        const { logits } = await session.run({ image: f32([1, depth, rows, columns], chw) });
        await session.release();
        const worst = Math.max(...expected.map((x, i) => Math.abs(x - Number(logits!.data[i]!))));
        expect(worst).toBeLessThan(1e-5);
      },
    ),
    { numRuns: 60 },
  );
});
