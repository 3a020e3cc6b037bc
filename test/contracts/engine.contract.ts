// What every engine must do alike: gradients, optimisers with a rate and a decay per parameter, clipping, averages, saving and
// going on. The task is a least-squares fit, whose gradients are written out here; optimisers are in
// ../reference/optimizers.ts.

import { describe, expect, test } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { GraphBuilder } from '../../src/onnx/build.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import type { Batch, CreateEngine, EngineState } from '../../training/engine/engine.ts';
import { OPSET, Ops } from '../../training/graph/ops.ts';
import type { TrainingGraph } from '../../training/graph/training-graph.ts';
import type { AdamOptions } from '../../training/optim/optimizer.ts';
import { type ReferenceOptions, referenceOptimizer } from '../reference/optimizers.ts';

const [ROWS, WIDTH] = [6, 3];
const OPTIMIZER: AdamOptions = { kind: 'adamw', beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1 };
const RATES = [0.01, 0.02, 0.005, 0.01, 0.01];

const rng = createRng(5);
const normals = (count: number) => Array.from({ length: count }, () => rng.normal());
const x = normals(ROWS * WIDTH);
const y = normals(ROWS);
const batch: Batch = { x: f32([ROWS, WIDTH], x), y: f32([ROWS, 1], y) };

/** mean((x w + b - y)²), where the rate of b is ten times that of w, and its decay three times. */
function leastSquares(): TrainingGraph {
  const ops = new Ops(new GraphBuilder());
  for (const [name, dims] of Object.entries({ x: [ROWS, WIDTH], y: [ROWS, 1], w: [WIDTH, 1], b: [1] })) {
    ops.builder.input({ name, type: 'float32', dims });
  }
  const residual = ops.sub(ops.add(ops.matmul('x', 'w'), 'b'), 'y');
  ops.builder.output(ops.mean(ops.mul(residual, residual)), 'float32', []);
  return {
    model: ops.builder.build({ name: 'least-squares', opset: OPSET }),
    parameters: [
      { name: 'w', dims: [WIDTH, 1], initial: Float32Array.of(0.5, -1, 2), learningRateMultiplier: 1 },
      {
        name: 'b',
        dims: [1],
        initial: Float32Array.of(0.25),
        learningRateMultiplier: 10,
        weightDecayMultiplier: 3,
      },
    ],
    buffers: [],
  };
}

/** mean((x p - mean)²) with a running mean of x, the mean before it, and a number that stands still. */
function carrying(): TrainingGraph {
  const ops = new Ops(new GraphBuilder());
  for (const [name, dims] of Object.entries({
    ...{ x: [ROWS, WIDTH], p: [WIDTH], mean: [WIDTH], before: [WIDTH], still: [WIDTH] },
  }))
    ops.builder.input({ name, type: 'float32', dims });
  const off = ops.sub(ops.mul('x', 'p'), 'mean');
  ops.builder.output(ops.mean(ops.mul(off, off)), 'float32', []);
  const next = ops.add(ops.mul('mean', 0.75), ops.mul(ops.mean('x', [0]), 0.25));
  const buffer = (name: string, initial: number, value: string) => ({
    ...{ name, dims: [WIDTH], next: value, initial: new Float32Array(WIDTH).fill(initial) },
  });
  return {
    model: ops.builder.build({ name: 'carrying', opset: OPSET }),
    parameters: [{ name: 'p', dims: [WIDTH], initial: Float32Array.of(1, 2, 3), learningRateMultiplier: 1 }],
    buffers: [buffer('mean', 1, next), buffer('before', 9, 'mean'), buffer('still', 5, 'still')],
  };
}

/** Σ (p - 1)² over a table of rows, of which `rows` says which a step may change. */
function table(masked: boolean): TrainingGraph {
  const ops = new Ops(new GraphBuilder());
  for (const [name, dims] of Object.entries({ p: [3, 2], rows: [3, 1] }))
    ops.builder.input({ name, type: 'float32', dims });
  const off = ops.mul(ops.sub('p', 1), ops.add(1, ops.mul(0, 'rows')));
  const touched = ops.mask(ops.greater('rows', 0.5));
  ops.builder.output(ops.sum(ops.mul(off, off)), 'float32', []);
  const parameter = { name: 'p', dims: [3, 2], initial: Float32Array.of(1, 2, 3, 4, 5, 6) };
  return {
    model: ops.builder.build({ name: 'table', opset: OPSET }),
    parameters: [{ ...parameter, learningRateMultiplier: 1, touched: masked ? touched : undefined }],
    buffers: [],
  };
}

function slope(w: readonly number[], b: number): { loss: number; gradient: number[] } {
  const gradient = [...w.map(() => 0), 0];
  let loss = 0;
  for (let i = 0; i < ROWS; i++) {
    const row = x.slice(i * WIDTH, (i + 1) * WIDTH);
    const residual = row.reduce((sum, value, k) => sum + value * w[k]!, b) - y[i]!;
    loss += residual ** 2 / ROWS;
    for (const [k, value] of [...row, 1].entries()) gradient[k]! += (2 * residual * value) / ROWS;
  }
  return { loss, gradient };
}

const START = [0.5, -1, 2, 0.25];

/** The same steps in float64. */
function reference(options: Omit<ReferenceOptions, 'start' | 'learningRates' | 'decays'>) {
  const optimizer = referenceOptimizer({
    ...options,
    start: START,
    learningRates: [1, 1, 1, 10],
    decays: [1, 1, 1, 3],
  });
  const losses = RATES.map((rate) => {
    const { loss, gradient } = slope(optimizer.p.slice(0, 3), optimizer.p[3]!);
    optimizer.step(gradient, rate);
    return loss;
  });
  return { losses, ...optimizer };
}

const close = (got: Iterable<number>, expected: readonly number[], digits = 5) => {
  const values = [...got];
  expect(values).toHaveLength(expected.length);
  for (const [i, value] of values.entries()) expect(value).toBeCloseTo(expected[i]!, digits);
};

const bytes = ({ tensors }: EngineState) =>
  [...tensors].map(([name, data]) => [
    name,
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex'),
  ]);

export function engineContract(name: string, createEngine: CreateEngine): void {
  const open = (clipNorm?: number) =>
    createEngine({ graph: leastSquares(), optimizer: OPTIMIZER, clipNorm, threads: 1 });

  describe(`engine ${name}`, () => {
    test('starts at the initial parameters with zero moments', async () => {
      const engine = await open();
      const { step, tensors } = engine.state();
      expect(step).toBe(0);
      expect(Object.fromEntries([...tensors].map(([key, data]) => [key, [...data]]))).toEqual({
        w: [0.5, -1, 2],
        'w/first': [0, 0, 0],
        'w/second': [0, 0, 0],
        b: [0.25],
        'b/first': [0],
        'b/second': [0],
      });
      await engine.close();
    });

    test('gives loss and gradients, and changes nothing by that', async () => {
      const engine = await open(0.1);
      const before = bytes(engine.state());
      const { loss, gradients } = await engine.gradients(batch);
      const expected = slope([0.5, -1, 2], 0.25);
      expect(loss).toBeCloseTo(expected.loss, 5);
      close([...gradients.get('w')!, ...gradients.get('b')!], expected.gradient);
      expect(bytes(engine.state())).toEqual(before);
      expect(engine.state().step).toBe(0);
      await engine.close();
    });

    const sgd = { kind: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0.1 } as const;
    test.each<[string, Omit<ReferenceOptions, 'start' | 'learningRates' | 'decays'>]>([
      ['AdamW', { optimizer: OPTIMIZER }],
      ['AdamW without decay', { optimizer: { ...OPTIMIZER, weightDecay: 0 } }],
      ['Adam with coupled decay', { optimizer: { ...OPTIMIZER, kind: 'adam' } }],
      ['SGD', { optimizer: { ...sgd, momentum: 0 } }],
      ['SGD with momentum', { optimizer: sgd }],
      ['SGD with Nesterov momentum', { optimizer: { ...sgd, nesterov: true } }],
      ['a limit on the norm', { optimizer: OPTIMIZER, clipNorm: 0.5 }],
      ['a limit on values', { optimizer: OPTIMIZER, clipValue: 0.2 }],
      ['both limits', { optimizer: sgd, clipValue: 0.2, clipNorm: 0.3 }],
      ['averages', { optimizer: OPTIMIZER, ema: 0.3 }],
    ])('steps as the reference does: %s', async (_, options) => {
      const engine = await createEngine({ graph: leastSquares(), threads: 1, ...options });
      const losses: number[] = [];
      for (const rate of RATES) losses.push(await engine.step(batch, rate));
      const { step, tensors } = engine.state();
      const expected = reference(options);
      const both = (slot = '') => [...tensors.get(`w${slot}`)!, ...tensors.get(`b${slot}`)!];
      close(losses, expected.losses);
      close(both(), expected.p);
      for (const [slot, values] of Object.entries(expected.slots)) close(both(`/${slot}`), values);
      expect([...tensors.keys()].filter((key) => key.startsWith('w/'))).toEqual(
        Object.keys(expected.slots).map((slot) => `w/${slot}`),
      );
      expect(step).toBe(RATES.length);
      await engine.close();
    });

    test('goes on from a saved state to the same bits, and leaves that state alone', async () => {
      const ema = () =>
        createEngine({ graph: leastSquares(), optimizer: OPTIMIZER, ema: 0.9, clipValue: 1, threads: 1 });
      const [first, second] = [await ema(), await ema()];
      for (const rate of RATES.slice(0, 2)) await first.step(batch, rate);
      const saved = first.state();
      const before = bytes(saved);
      second.restore(saved);
      for (const rate of RATES.slice(2))
        expect(await second.step(batch, rate)).toBe(await first.step(batch, rate));
      expect(bytes(second.state())).toEqual(bytes(first.state()));
      expect(second.state().step).toBe(RATES.length);
      expect(bytes(saved)).toEqual(before);
      await Promise.all([first.close(), second.close()]);
    });

    test('carries buffers from step to step, also one that takes the old value of another', async () => {
      const engine = await createEngine({ graph: carrying(), optimizer: OPTIMIZER, threads: 1 });
      const columns = [0, 1, 2].map(
        (k) => x.filter((_, i) => i % WIDTH === k).reduce((sum, value) => sum + value) / ROWS,
      );
      let mean = [1, 1, 1];
      let before = [9, 9, 9];
      for (const rate of RATES.slice(0, 3)) {
        const p = [...engine.state().tensors.get('p')!];
        const squares = x.map((value, i) => (value * p[i % WIDTH]! - mean[i % WIDTH]!) ** 2);
        const loss = squares.reduce((sum, value) => sum + value) / x.length;
        await engine.gradients({ x: batch.x! });
        expect(await engine.step({ x: batch.x! }, rate)).toBeCloseTo(loss, 4);
        [before, mean] = [mean, mean.map((old, k) => 0.75 * old + 0.25 * columns[k]!)];
        close(engine.state().tensors.get('mean')!, mean);
        close(engine.state().tensors.get('before')!, before);
      }
      const names = ['p', 'p/first', 'p/second', 'mean', 'before', 'still'];
      expect([...engine.state().tensors.keys()]).toEqual(names);
      close(engine.state().tensors.get('still')!, [5, 5, 5]);
      await engine.close();
    });

    test.each([
      ['AdamW', OPTIMIZER],
      ['SGD', sgd],
    ])('leaves rows that are not touched as they are, with %s', async (_, optimizer) => {
      const open = (masked: boolean) =>
        createEngine({ graph: table(masked), optimizer, ema: 0.5, threads: 1 });
      const [masked, whole] = [await open(true), await open(false)];
      const rows = { rows: f32([3, 1], [1, 0, 1]) };
      const start = masked.state().tensors;
      for (const engine of [masked, whole]) for (const rate of RATES) await engine.step(rows, rate);
      for (const [name, all] of whole.state().tensors) {
        const kept = masked.state().tensors.get(name)!;
        expect([...kept.slice(2, 4)], name).toEqual([...start.get(name)!.slice(2, 4)]);
        close([...kept.slice(0, 2), ...kept.slice(4)], [...all.slice(0, 2), ...all.slice(4)]);
        expect([...all.slice(2, 4)], name).not.toEqual([...start.get(name)!.slice(2, 4)]);
      }
      await Promise.all([masked.close(), whole.close()]);
    });

    test('refuses a batch that does not fit, naming the input', async () => {
      const engine = await open();
      const { x: features, y: targets } = batch;
      const wrong = [
        [{ x: features! }, /feeds\.y: expected float32 \[6,1\], received nothing/],
        [
          { x: features!, y: f32([3, 2], y) },
          /feeds\.y: expected float32 \[6,1\], received "float32 \[3,2\]"/,
        ],
        [{ x: features!, y: targets!, z: targets! }, /feeds\.z/],
      ] as const;
      for (const [feeds, message] of wrong) {
        const error = await engine.step(feeds, 0.1).catch((thrown) => thrown);
        expect(error).toMatchObject({ code: 'invalid_argument', message: expect.stringMatching(message) });
      }
      expect(engine.state().step).toBe(0);
      await engine.close();
    });

    test('refuses a state of another graph', async () => {
      const engine = await open();
      const without = new Map(engine.state().tensors);
      without.delete('b/first');
      const longer = new Map(engine.state().tensors).set('w', new Float32Array(4));
      for (const tensors of [without, longer]) {
        expect(() => engine.restore({ step: 1, tensors })).toThrow(
          expect.objectContaining({ code: 'checkpoint_invalid' }),
        );
      }
      await engine.close();
    });
  });
}
