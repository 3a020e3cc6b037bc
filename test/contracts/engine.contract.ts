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
