// y = scale (x - mean) / √(var + ε) + bias, each of them per channel.
// Frozen (training_mode 0): mean and var are the running statistics and constant; dL/dx = g scale / √(var + ε).
// Training: they are the batch's own; dL/dx = scale / √(var + ε) (g - mean(g) - x̂ mean(g x̂)) with x̂ = (x - mean) / √(var + ε).
// No gradient comes back through the running statistics that the training form puts out.
import { elementCount } from '../../../src/onnx/tensor.ts';
import { type BackwardStep, number, type Rule } from '../rule.ts';

/** Puts a [channels] value beside a [batch, channels, ...] one. */
function perChannel({ ops, dims }: BackwardStep, value: string): string {
  const x = dims[0]!;
  return ops.reshape(
    value,
    x.slice(1).map((size, axis) => (axis === 0 ? size : 1)),
  );
}

/** Appends its nodes when first asked for, and never again. */
function once(make: () => string): () => string {
  let value: string | undefined;
  return () => {
    value ??= make();
    return value;
  };
}

/** Sum of a [batch, channels, ...] value per channel. In two steps: over all axes at once takes onnxruntime 2.4 times as long. */
function channelSums({ ops, dims }: BackwardStep, value: string): string {
  const [batch, channels, ...rest] = dims[0]! as [number, number, ...number[]];
  if (rest.length === 0) return ops.sum(value, [0]);
  return ops.sum(ops.sum(ops.reshape(value, [batch, channels, elementCount(rest)]), [2]), [0]);
}

export const batchNormalization: Rule = {
  dims: ({ dims: [x] }) => x!,
  moreDims: ({ dims }) => [dims[3]!, dims[4]!],
  gradient: (step) => {
    const { ops, node, inputs, dims, gradient: g } = step;
    const [x, scale, , mean, variance] = inputs as [string, string, string, string, string];
    const training = number(node, 'training_mode', 0) === 1;
    const count = elementCount(dims[0]!) / dims[0]![1]!;
    const means = (value: string) => ops.div(channelSums(step, value), count);
    const inverse = (spread: string) => ops.div(1, ops.sqrt(ops.add(spread, number(node, 'epsilon', 1e-5))));
    const middle = once(() => ops.sub(x, perChannel(step, training ? means(x) : mean)));
    const factor = inverse(training ? means(ops.mul(middle(), middle())) : variance);
    const ofBias = once(() => channelSums(step, g));
    const ofScale = once(() => ops.mul(channelSums(step, ops.mul(g, middle())), factor));
    const all = perChannel(step, ops.mul(scale, factor));
    if (!training) return [() => ops.mul(g, all), ofScale, ofBias];
    return [
      () => {
        // x̂ mean(g x̂) is `middle` times a number per channel: x̂ itself is never made.
        const along = ops.div(ops.mul(ofScale(), factor), count);
        const off = ops.add(
          ops.mul(middle(), perChannel(step, along)),
          perChannel(step, ops.div(ofBias(), count)),
        );
        return ops.mul(ops.sub(g, off), all);
      },
      ofScale,
      ofBias,
    ];
  },
};
