// The contract of losses against a loss with all that a loss may have: parameters, a memory, a number on a schedule, rows that
// rest. It is no loss to train under.

import { expect, test } from 'vitest';
import type { Loss } from '../../../training/losses/loss.ts';
import { type LossCase, lossContract, openLoss } from '../../contracts/loss.contract.ts';

/** weight · mean over samples and parameter rows of (x · p)² + mean of x · memory, where the memory is the last batch's mean. */
const whole: Loss = {
  name: 'whole',
  options: {},
  parameters: ({ classes, dimension }) => [
    {
      name: 'rows',
      dims: [classes, dimension],
      learningRateMultiplier: 1,
      initial: () => new Float32Array(classes * dimension).fill(1),
    },
  ],
  buffers: ({ dimension }) => [
    { name: 'memory', dims: [1, dimension], initial: () => new Float32Array(dimension).fill(0.5) },
  ],
  scheduled: { weight: (progress) => 4 * progress },
  build({ ops, embeddings, parameters, buffers, scheduled }) {
    const dot = ops.gemm(embeddings, parameters.rows!, { transB: true });
    const pull = ops.mul(scheduled.weight!, ops.mean(ops.mul(dot, dot)));
    const towards = ops.mean(ops.sum(ops.mul(embeddings, buffers.memory!), [1]));
    return {
      loss: ops.add(pull, towards),
      next: { memory: ops.mean(embeddings, [0], true) },
      touched: { rows: ops.mask(ops.greater(ops.sum(parameters.rows!, [1], true), 1)) },
    };
  },
};

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;

const contractCase = (name: string, at?: LossCase['at']): LossCase => ({
  ...{ name, loss: whole, at },
  reference: ({ embeddings, parameters, buffers, scheduled }) =>
    scheduled.weight! * mean(embeddings.flatMap((x) => parameters.rows!.map((p) => dot(x, p) ** 2))) +
    mean(embeddings.map((x) => dot(x, buffers.memory!))),
});

lossContract([
  contractCase('as it starts, half through the run'),
  contractCase('at values that are given', {
    buffers: { memory: [1, -2, 0.25, 0] },
    scheduled: { weight: 7 },
  }),
]);

test('what is next and which rows move can be read', async () => {
  const opened = await openLoss(whole, { batch: 2, classes: 3, dimension: 2 });
  const at = { x: [3, 0, 0, 2], labels: [0, 1], parameters: { rows: [1, 0, 0, 1, 1, 1] } };
  const result = await opened.at(at);
  expect(result.next).toEqual({ memory: [0.5, 0.5] });
  expect(result.touched).toEqual({ rows: [0, 0, 1] });
  // Squares of [1, 0, 1] and [0, 1, 1], weight 2; both samples have 0.5 with the memory.
  expect(result.value).toBeCloseTo(2 * (4 / 6) + 0.5, 12);
  await opened.close();
});
