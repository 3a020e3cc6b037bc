// y = scale x̂ + bias with x̂ = (x - mean) / √(var + ε), each of them per channel.
// Frozen (training_mode 0): mean and var are the running statistics and constant; dL/dx = g scale / √(var + ε).
// Training: they are the batch's own; dL/dx = scale / √(var + ε) (g - mean(g) - x̂ mean(g x̂)).
// No gradient comes back through the running statistics that the training form puts out.
import { attr } from '../../../src/onnx/build.ts';
import { elementCount } from '../../../src/onnx/tensor.ts';
import { type BackwardStep, channelSums, number, type Rule } from '../rule.ts';

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

/** Mean and variance of the batch: what comes out where nothing of the running ones is kept (../../engine/batch-statistics.ts). */
function batchStatistics({ ops, node, inputs }: BackwardStep): readonly [mean: string, variance: string] {
  const own = number(node, 'momentum', 0.9) === 0 && node.outputs[1] && node.outputs[2];
  const again = () => {
    const scratch = inputs.slice(3).map((running) => ops.mul(running, 0));
    const attributes = { ...node.attributes, momentum: attr.float(0) };
    const read = [...inputs.slice(0, 3), ...scratch];
    return ops.builder.node('BatchNormalization', read, attributes, { outputs: 3 });
  };
  const [, mean, variance] = own ? node.outputs : again();
  return [mean!, variance!];
}

export const batchNormalization: Rule = {
  dims: ({ dims: [x] }) => x!,
  moreDims: ({ dims }) => [dims[3]!, dims[4]!],
  gradient: (step) => {
    const { ops, node, inputs, dims, gradient: g } = step;
    const [x, scale] = inputs as [string, string];
    const training = number(node, 'training_mode', 0) === 1;
    const epsilon = number(node, 'epsilon', 1e-5);
    const [mean, variance] = training ? batchStatistics(step) : [inputs[3]!, inputs[4]!];
    const factor = ops.div(1, ops.sqrt(ops.add(variance, epsilon)));
    const sums = (value: string) => channelSums(ops, value, dims[0]!);
    const ofBias = once(() => sums(g));
    // Σ g (x - mean) without a pass over memory for the difference: off by 6e-5 where the mean is 300 deviations, as dL/dx is by 2e-5.
    const ofScale = once(() => ops.mul(ops.sub(sums(ops.mul(g, x)), ops.mul(mean, ofBias())), factor));
    const slope = ops.mul(scale, factor);
    const scaled = () => ops.mul(g, perChannel(step, slope));
    if (!training) return [scaled, ofScale, ofBias];
    return [
      () => {
        // What is taken off is an x̂ with another scale and bias, in one pass.
        const share = ops.div(slope, -elementCount(dims[0]!) / dims[0]![1]!);
        const parts = [x, ops.mul(ofScale(), share), ops.mul(ofBias(), share), mean, variance];
        return ops.add(scaled(), ops.node('BatchNormalization', parts, { epsilon: attr.float(epsilon) }));
      },
      ofScale,
      ofBias,
    ];
  },
};
