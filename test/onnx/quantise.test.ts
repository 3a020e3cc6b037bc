// The 8-bit form against integers: every layer as TFLite defines it, in loops over bytes, and against the float graph
// within the bounds that rounding leaves.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRng, type Rng } from '../../src/math/rng.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import type { OnnxModel, Tensor } from '../../src/onnx/model.ts';
import { quantiseGraph } from '../../src/onnx/quantise.ts';
import { f32, scalar, u8 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';

const INPUT = { low: -1, high: 127 / 128 };
const STEP = 1 / 128;

interface Layer {
  readonly input: string;
  readonly output: string;
  readonly weights: Uint8Array;
  readonly zero: number;
  readonly scale: number;
  readonly bias: Float32Array;
  readonly dims: readonly [number, number, number, number];
  readonly stride: number;
  readonly low: number;
  readonly high: number;
}

/** What the converter writes: 8-bit weights behind DequantizeLinear, a Clip at the output's range. */
function addLayer(
  g: GraphBuilder,
  rng: Rng,
  layer: Pick<Layer, 'input' | 'output' | 'dims' | 'stride' | 'low' | 'high'>,
): Layer {
  const { input, output, dims, stride, low, high } = layer;
  const weights = Uint8Array.from({ length: dims.reduce((a, b) => a * b) }, () => rng.int(256));
  const zero = 60 + rng.int(130);
  const scale = Math.fround(0.001 + 0.01 * rng.next());
  const bias = Float32Array.from({ length: dims[0] }, () => 0.3 * rng.normal());
  const bytes = g.initializer(`${output}/bytes`, u8(dims, weights));
  const kernel = g.node('DequantizeLinear', [
    bytes,
    g.constant(scalar(scale)),
    g.constant(u8([], Uint8Array.of(zero))),
  ]);
  const pad = (dims[2] - 1) / 2;
  const conv = g.node('Conv', [input, kernel, g.initializer(`${output}/bias`, f32([dims[0]], bias))], {
    strides: attr.ints([stride, stride]),
    pads: attr.ints([pad, pad, pad, pad]),
  });
  g.node('Clip', [conv, g.constant(scalar(low)), g.constant(scalar(high))], {}, { output });
  g.output(output, 'float32', ['batch', dims[0], 'h', 'w']);
  return { ...layer, weights, zero, scale, bias };
}

/** A block as Inception has them: pools, branches of other ranges, a concatenation, and a last convolution. */
function block(seed: number) {
  const rng = createRng(seed);
  const g = new GraphBuilder();
  g.input({ name: 'image', type: 'float32', dims: ['batch', 3, 'rows', 'columns'] });
  const first = addLayer(g, rng, {
    input: 'image',
    output: 'first',
    dims: [4, 3, 3, 3],
    stride: 2,
    low: -0.5,
    high: 2,
  });
  const window = {
    kernel_shape: attr.ints([3, 3]),
    strides: attr.ints([1, 1]),
    pads: attr.ints([1, 1, 1, 1]),
  };
  g.node('MaxPool', ['first'], window, { output: 'most' });
  g.node('AveragePool', ['first'], window, { output: 'mean' });
  const left = addLayer(g, rng, {
    input: 'mean',
    output: 'left',
    dims: [5, 4, 1, 1],
    stride: 1,
    low: 0,
    high: 3,
  });
  g.node('Concat', ['most', 'left'], { axis: attr.int(1) }, { output: 'both' });
  const last = addLayer(g, rng, {
    input: 'both',
    output: 'last',
    dims: [6, 9, 3, 3],
    stride: 1,
    low: 0,
    high: 5,
  });
  const pooled = g.node('GlobalAveragePool', ['last']);
  g.node('Flatten', [pooled], {}, { output: 'pooled' });
  g.output('pooled', 'float32', ['batch', 6]);
  for (const name of ['most', 'mean', 'both']) g.output(name, 'float32', ['batch', 'c', 'h', 'w']);
  return { model: g.build({ name: 'block' }), layers: [first, left, last] };
}

const run = async (model: OnnxModel, image: Tensor, integer: boolean) => {
  const session = await openSession({ model: encodeModel(model), threads: 1, integer });
  const results = await session.run({ image });
  await session.release();
  return results;
};

const stepOf = (low: number, high: number) => Math.fround((high - low) / 255);
const zeroOf = (low: number, high: number) => Math.round(-low / stepOf(low, high));

/** Calls `visit` for every product of a convolution: index of the output, of the image (inside only), of the weight. */
function products(
  layer: Layer,
  dims: readonly number[],
  visit: (out: number, at: number, weight: number) => void,
): void {
  const [outs, depth, side] = layer.dims;
  const [rows, columns] = [dims[2]!, dims[3]!];
  const pad = (side - 1) / 2;
  const extent = (size: number) => Math.floor((size + 2 * pad - side) / layer.stride) + 1;
  const [h, w] = [extent(rows), extent(columns)];
  for (let o = 0; o < outs; o++)
    for (let r = 0; r < h; r++)
      for (let c = 0; c < w; c++)
        for (let d = 0; d < depth; d++)
          for (let y = 0; y < side; y++)
            for (let x = 0; x < side; x++) {
              const [row, column] = [r * layer.stride - pad + y, c * layer.stride - pad + x];
              if (row < 0 || row >= rows || column < 0 || column >= columns) continue;
              visit(
                (o * h + r) * w + c,
                (d * rows + row) * columns + column,
                ((o * depth + d) * side + y) * side + x,
              );
            }
}

const steps = fc.record({
  seed: fc.nat(),
  rows: fc.integer({ min: 4, max: 9 }),
  columns: fc.integer({ min: 4, max: 9 }),
});
/** Pixels over the whole range, often its ends: sums as large as they get. */
const pixel = (rng: Rng) => (rng.next() < 0.3 ? 255 * rng.int(2) : rng.int(256));

test('each convolution is the sum of products of bytes, rounded once', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async ({ seed, rows, columns }) => {
      const rng = createRng(seed);
      const { model, layers } = block(seed);
      const image = f32(
        [1, 3, rows, columns],
        Float32Array.from({ length: 3 * rows * columns }, () => (pixel(rng) - 128) / 128),
      );
      const results = await run(quantiseGraph({ model, input: INPUT }), image, true);
      const ranges: Record<string, { low: number; high: number }> = {
        image: INPUT,
        first: layers[0]!,
        mean: layers[0]!,
        both: { low: -0.5, high: 3 },
      };
      for (const layer of layers) {
        const source = layer.input === 'image' ? image : results[layer.input]!;
        const { low, high } = ranges[layer.input]!;
        const [step, zero] = [stepOf(low, high), zeroOf(low, high)];
        const bytes = Array.from(source.data as Float32Array, (x) => Math.round(x / step) + zero);
        expect(
          bytes.every((byte, i) => Math.abs((byte - zero) * step - Number(source.data[i]!)) < 1e-5),
        ).toBe(true);
        const unit = Math.fround(step * layer.scale);
        const sums: number[] = [];
        products(layer, source.dims, (out, at, weight) => {
          sums[out] = (sums[out] ?? 0) + (bytes[at]! - zero) * (layer.weights[weight]! - layer.zero);
        });
        const [own, ownZero] = [stepOf(layer.low, layer.high), zeroOf(layer.low, layer.high)];
        const area = sums.length / layer.dims[0];
        const found = results[layer.output]!.data as Float32Array;
        expect(found).toHaveLength(sums.length);
        for (const [i, sum] of sums.entries()) {
          const exact = ((sum + Math.round(layer.bias[Math.floor(i / area)]! / unit)) * unit) / own + ownZero;
          const byte = found[i]! / own + ownZero;
          // Half a step for the rounding, and what float32 leaves of a tie.
          expect(Math.abs(byte - Math.min(255, Math.max(0, exact)))).toBeLessThan(0.501);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test('pools and concatenations are those of the bytes', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async ({ seed, rows, columns }) => {
      const rng = createRng(seed);
      const { model } = block(seed);
      const image = f32(
        [2, 3, rows, columns],
        Float32Array.from({ length: 6 * rows * columns }, () => (pixel(rng) - 128) / 128),
      );
      const { first, most, mean, left, both } = await run(
        quantiseGraph({ model, input: INPUT }),
        image,
        true,
      );
      const [h, w] = first!.dims.slice(2) as [number, number];
      const step = stepOf(-0.5, 2);
      for (let i = 0; i < first!.data.length; i++) {
        const [r, c] = [Math.floor(i / w) % h, i % w];
        const seen: number[] = [];
        for (let y = Math.max(0, r - 1); y <= Math.min(h - 1, r + 1); y++)
          for (let x = Math.max(0, c - 1); x <= Math.min(w - 1, c + 1); x++)
            seen.push(Number(first!.data[i + (y - r) * w + x - c]!));
        expect(Math.abs(Number(most!.data[i]!) - Math.max(...seen))).toBeLessThan(1e-5);
        const average = seen.reduce((a, b) => a + b, 0) / seen.length;
        expect(Math.abs(Number(mean!.data[i]!) - average)).toBeLessThan(0.501 * step);
      }
      const coarse = stepOf(-0.5, 3);
      const area = h * w;
      for (let i = 0; i < both!.data.length; i++) {
        const [n, c] = [Math.floor(i / (9 * area)), Math.floor(i / area) % 9];
        const part =
          c < 4
            ? most!.data[(n * 4 + c) * area + (i % area)]
            : left!.data[(n * 5 + c - 4) * area + (i % area)];
        expect(Math.abs(Number(both!.data[i]!) - Number(part))).toBeLessThan(0.501 * coarse);
      }
    }),
    { numRuns: 20 },
  );
});

test('a layer is as near to the float graph as half a step of its input and of its output allow', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const rng = createRng(seed);
    const { model, layers } = block(seed);
    const [layer] = layers as [Layer];
    // Between the steps as well.
    const image = f32(
      [1, 3, 7, 7],
      Float32Array.from({ length: 147 }, () => INPUT.low + (INPUT.high - INPUT.low) * rng.next()),
    );
    const whole = await run(model, image, false);
    const eight = await run(quantiseGraph({ model, input: INPUT }), image, true);
    const weight = new Float64Array(whole.first!.data.length);
    products(layer, image.dims, (out, _, at) => {
      weight[out]! += Math.abs(layer.weights[at]! - layer.zero) * layer.scale;
    });
    for (const [i, x] of (whole.first!.data as Float32Array).entries()) {
      const bound = 0.501 * (stepOf(layer.low, layer.high) + STEP * layer.scale + STEP * weight[i]!);
      expect(Math.abs(Number(eight.first!.data[i]!) - x)).toBeLessThan(bound);
    }
    // And what the graph gives in the end stays near, rounding upon rounding.
    const [a, b] = [whole.pooled!.data, eight.pooled!.data].map((data) => Array.from(data as Float32Array));
    for (const [i, x] of a!.entries()) expect(Math.abs(b![i]! - x)).toBeLessThan(0.1);
  }
});

test('inputs, outputs and everything around the convolutions stay; equal graphs give equal bytes', () => {
  const { model } = block(1);
  const before = encodeModel(model);
  const made = quantiseGraph({ model, input: INPUT });
  expect(made.graph.inputs).toEqual(model.graph.inputs);
  expect(made.graph.outputs).toEqual(model.graph.outputs);
  expect(encodeModel(made)).toEqual(encodeModel(quantiseGraph({ model, input: INPUT })));
  expect(encodeModel(model)).toEqual(before);
  // The float weights are gone, each weight is there once.
  const weights = [...made.graph.initializers.values()].filter(({ dims }) => dims.length === 4);
  expect(weights.map(({ type }) => type)).toEqual(['int8', 'int8', 'int8']);
  expect(made.graph.nodes.map(({ op }) => op).filter((op) => op === 'Clip')).toEqual([]);
});

test('a convolution without 8-bit weights stays float; a graph without any is refused', async () => {
  const g = new GraphBuilder();
  g.input({ name: 'image', type: 'float32', dims: ['batch', 3, 'h', 'w'] });
  const rng = createRng(5);
  addLayer(g, rng, { input: 'image', output: 'a', dims: [4, 3, 3, 3], stride: 1, low: 0, high: 2 });
  const w = g.initializer(
    'w',
    f32(
      [2, 4, 1, 1],
      Float32Array.from({ length: 8 }, () => rng.normal()),
    ),
  );
  const plain = g.node('Conv', ['a', w]);
  g.node('Relu', [plain], {}, { output: 'b' });
  g.output('b', 'float32', ['batch', 2, 'h', 'w']);
  const model = g.build({ name: 'mixed' });
  const made = quantiseGraph({ model, input: INPUT });
  expect(made.graph.initializers.get('w')).toEqual(model.graph.initializers.get('w'));
  const image = f32(
    [1, 3, 5, 5],
    Float32Array.from({ length: 75 }, () => (pixel(rng) - 128) / 128),
  );
  const [whole, eight] = [await run(model, image, false), await run(made, image, true)];
  for (const [i, x] of (whole.b!.data as Float32Array).entries()) {
    expect(Math.abs(Number(eight.b!.data[i]!) - x)).toBeLessThan(0.1);
  }
  const bare = new GraphBuilder();
  bare.input({ name: 'image', type: 'float32', dims: ['batch', 3, 'h', 'w'] });
  bare.output(bare.node('Relu', ['image']), 'float32', ['batch', 3, 'h', 'w']);
  expect(() => quantiseGraph({ model: bare.build({ name: 'bare' }), input: INPUT })).toThrow(
    expect.objectContaining({ code: 'onnx_unsupported', field: 'precision' }),
  );
});
