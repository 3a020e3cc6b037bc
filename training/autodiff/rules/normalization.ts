// y = scale x̂ + bias with x̂ = (x - mean) / √(var + ε) over the last axes of a sample (layer), or the positions of a channel (instance).
// With h = g scale: dL/dx = (h - mean(h) - x̂ mean(h x̂)) / √(var + ε); dL/dscale = Σ g x̂, dL/dbias = Σ g over what they were spread to.
// No gradient comes back through the mean and deviation that LayerNormalization can put out.
import { type BackwardStep, type Dims, number, positive, type Rule, range, sumTo } from '../rule.ts';

interface Normalized {
  /** Axes that mean and variance are taken over. */
  readonly axes: readonly number[];
  /** Dims that scale and bias have beside x. */
  readonly affine: (dims: Dims) => Dims;
}

const gradient =
  (describe: (step: BackwardStep) => Normalized): Rule['gradient'] =>
  (step) => {
    const { ops, node, inputs, dims, gradient: g } = step;
    const [x, scale] = inputs as [string, string];
    const from = dims[0]!;
    const { axes, affine } = describe(step);
    const centred = ops.sub(x, ops.mean(x, axes, true));
    const variance = ops.mean(ops.mul(centred, centred), axes, true);
    const inverse = ops.div(1, ops.sqrt(ops.add(variance, number(node, 'epsilon', 1e-5))));
    const normal = ops.mul(centred, inverse);
    const summed = (value: string, to: Dims) => ops.reshape(sumTo(ops, value, from, affine(to)), to);
    return [
      () => {
        const h = ops.mul(g, ops.reshape(scale, affine(dims[1]!)));
        const along = ops.mul(normal, ops.mean(ops.mul(h, normal), axes, true));
        return ops.mul(ops.sub(ops.sub(h, ops.mean(h, axes, true)), along), inverse);
      },
      () => summed(ops.mul(g, normal), dims[1]!),
      () => summed(g, dims[2]!),
    ];
  };

export const layerNormalization: Rule = {
  dims: ({ dims: [x] }) => x!,
  moreDims: ({ node, dims: [x] }) => {
    const axis = positive(number(node, 'axis', -1), x!.length);
    const kept = x!.map((size, i) => (i < axis ? size : 1));
    return [kept, kept];
  },
  gradient: gradient(({ node, dims: [x] }) => {
    const axis = positive(number(node, 'axis', -1), x!.length);
    return { axes: range(x!.length).slice(axis), affine: (dims) => dims };
  }),
};

export const instanceNormalization: Rule = {
  dims: ({ dims: [x] }) => x!,
  gradient: gradient(({ dims: [x] }) => {
    const axes = range(x!.length).slice(2);
    return { axes, affine: ([channels]) => [channels!, ...axes.map(() => 1)] };
  }),
};
