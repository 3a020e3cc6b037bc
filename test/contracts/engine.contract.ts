// What every engine must do alike: gradients, AdamW with a rate per parameter, clipping, saving and going on. The task is a
// least-squares fit, whose gradients are written out here.

import { describe, expect, test } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { GraphBuilder } from '../../src/onnx/build.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import type { Batch, CreateEngine, EngineState } from '../../training/engine/engine.ts';
import { OPSET, Ops } from '../../training/graph/ops.ts';
import type { TrainingGraph } from '../../training/graph/training-graph.ts';

const [ROWS, WIDTH] = [6, 3];
const OPTIMIZER = { kind: 'adamw' as const, beta1: 0.8, beta2: 0.95, epsilon: 1e-6, weightDecay: 0.1 };
const RATES = [0.01, 0.02, 0.005, 0.01, 0.01];

const rng = createRng(5);
const normals = (count: number) => Array.from({ length: count }, () => rng.normal());
const x = normals(ROWS * WIDTH);
const y = normals(ROWS);
const batch: Batch = { x: f32([ROWS, WIDTH], x), y: f32([ROWS, 1], y) };

/** mean((x w + b - y)²), where the rate of b is ten times that of w. */
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
      { name: 'b', dims: [1], initial: Float32Array.of(0.25), learningRateMultiplier: 10 },
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

/** AdamW from the paper's algorithm, in float64. */
function reference(clipNorm = Number.POSITIVE_INFINITY) {
  const { beta1, beta2, epsilon, weightDecay } = OPTIMIZER;
  const p = [0.5, -1, 2, 0.25];
  const [m, v] = [p.map(() => 0), p.map(() => 0)];
  const losses = RATES.map((rate, index) => {
    const t = index + 1;
    const { loss, gradient } = slope(p.slice(0, 3), p[3]!);
    const scale = Math.min(1, clipNorm / Math.hypot(...gradient));
    for (const k of p.keys()) {
      const g = gradient[k]! * scale;
      m[k] = beta1 * m[k]! + (1 - beta1) * g;
      v[k] = beta2 * v[k]! + (1 - beta2) * g * g;
      const step = m[k]! / (1 - beta1 ** t) / (Math.sqrt(v[k]! / (1 - beta2 ** t)) + epsilon);
      p[k]! -= rate * (k === 3 ? 10 : 1) * (step + weightDecay * p[k]!);
    }
    return loss;
  });
  return { losses, p };
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

    test.each([undefined, 0.5])('steps as AdamW does, with clipNorm %s', async (clipNorm) => {
      const engine = await open(clipNorm);
      const losses: number[] = [];
      for (const rate of RATES) losses.push(await engine.step(batch, rate));
      const { step, tensors } = engine.state();
      const expected = reference(clipNorm);
      close(losses, expected.losses);
      close([...tensors.get('w')!, ...tensors.get('b')!], expected.p);
      expect(step).toBe(RATES.length);
      await engine.close();
    });

    test('goes on from a saved state to the same bits, and leaves that state alone', async () => {
      const [first, second] = [await open(), await open()];
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
