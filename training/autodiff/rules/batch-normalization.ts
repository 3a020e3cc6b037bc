// y = scale (x - mean) / √(var + ε) + bias, each of them per channel.
// Frozen (training_mode 0): mean and var are the running statistics and constant; dL/dx = g scale / √(var + ε).
// Training: they are the batch's own; dL/dx = scale / √(var + ε) (g - mean(g) - x̂ mean(g x̂)) with x̂ = (x - mean) / √(var + ε).
// No gradient comes back through the running statistics that the training form puts out.
import { type BackwardStep, number, type Rule } from '../rule.ts';

/** Puts a [channels] value beside a [batch, channels, ...] one. */
function perChannel({ ops, dims }: BackwardStep, value: string): string {
  const x = dims[0]!;
  return ops.reshape(
    value,
    x.slice(1).map((size, axis) => (axis === 0 ? size : 1)),
  );
}

export const batchNormalization: Rule = {
  dims: ({ dims: [x] }) => x!,
  moreDims: ({ dims }) => [dims[3]!, dims[4]!],
  gradient: (step) => {
    const { ops, node, inputs, dims, gradient: g } = step;
    const [x, scale, , mean, variance] = inputs as [string, string, string, string, string];
    const training = number(node, 'training_mode', 0) === 1;
    const axes = [...dims[0]!.keys()].filter((axis) => axis !== 1);
    const centred = () => ops.sub(x, training ? ops.mean(x, axes, true) : perChannel(step, mean));
    const inverse = (spread: string) => ops.div(1, ops.sqrt(ops.add(spread, number(node, 'epsilon', 1e-5))));
    if (!training) {
      const factor = inverse(variance);
      return [
        () => ops.mul(g, perChannel(step, ops.mul(scale, factor))),
        () => ops.mul(ops.sum(ops.mul(g, centred()), axes), factor),
        () => ops.sum(g, axes),
      ];
    }
    const middle = centred();
    const factor = inverse(ops.mean(ops.mul(middle, middle), axes, true));
    const normal = ops.mul(middle, factor);
    const product = ops.mul(g, normal);
    return [
      () => {
        const along = ops.mul(normal, ops.mean(product, axes, true));
        const inner = ops.sub(ops.sub(g, ops.mean(g, axes, true)), along);
        return ops.mul(inner, ops.mul(perChannel(step, scale), factor));
      },
      () => ops.sum(product, axes),
      () => ops.sum(g, axes),
    ];
  },
};
