// Functions of one number: y = f(x), dL/dx = g f'(x), each written with y where that is shorter.
// Where f has a corner the gradient is the one that onnxruntime's own training uses: 0 at it, or the flat side's.
import { type BackwardStep, number, type Rule, text } from '../rule.ts';

/** A rule out of f'(x). */
const unary = (slope: (step: BackwardStep, x: string) => string): Rule => ({
  gradient: (step) => [() => step.ops.mul(step.gradient, slope(step, step.inputs[0]!))],
});

export const abs = unary(({ ops }, x) => ops.sign(x));
export const tanh = unary(({ ops, output: y }) => ops.sub(1, ops.mul(y, y)));
export const sigmoid = unary(({ ops, output: y }) => ops.mul(y, ops.sub(1, y)));
export const softplus = unary(({ ops }, x) => ops.sigmoid(x));
/** f' = 2/√π e^(-x²). */
export const erf = unary(({ ops }, x) => ops.mul(2 / Math.sqrt(Math.PI), ops.exp(ops.neg(ops.mul(x, x)))));
export const reciprocal = unary(({ ops, output: y }) => ops.neg(ops.mul(y, y)));
export const sin = unary(({ ops }, x) => ops.node('Cos', [x]));
export const cos = unary(({ ops }, x) => ops.neg(ops.node('Sin', [x])));

export const leakyRelu = unary(({ ops, node }, x) =>
  ops.where(ops.greater(x, 0), 1, number(node, 'alpha', 0.01)),
);

/** y = x or α (eˣ - 1), so f' = 1 or y + α. */
export const elu = unary(({ ops, node, output: y }, x) =>
  ops.where(ops.greater(x, 0), 1, ops.add(y, number(node, 'alpha', 1))),
);

/** y = max(0, min(1, α x + β)): f' = α between its limits. */
export const hardSigmoid = unary(({ ops, node, output: y }) => {
  const inside = ops.mul(ops.mask(ops.greater(y, 0)), ops.mask(ops.less(y, 1)));
  return ops.mul(number(node, 'alpha', 0.2), inside);
});

/** y = x max(0, min(1, x/6 + 1/2)): f' = x/3 + 1/2 between -3 and 3, then 1. */
export const hardSwish = unary(({ ops }, x) => {
  const inside = ops.mul(ops.add(ops.div(x, 3), 0.5), ops.mask(ops.greater(x, -3)));
  return ops.where(ops.less(x, 3), inside, 1);
});

/** y = x Φ(x), or its form with tanh. f' = Φ + x φ, where φ is the slope of Φ. */
export const gelu = unary((step, x) => {
  const { ops } = step;
  if (text(step.node, 'approximate', 'none') === 'tanh') {
    const [scale, cubic] = [Math.sqrt(2 / Math.PI), 0.044715];
    const square = ops.mul(x, x);
    const t = ops.tanh(ops.mul(ops.mul(scale, x), ops.add(1, ops.mul(cubic, square))));
    const inner = ops.mul(scale, ops.add(1, ops.mul(3 * cubic, square)));
    const bend = ops.mul(ops.mul(x, inner), ops.sub(1, ops.mul(t, t)));
    return ops.mul(0.5, ops.add(ops.add(1, t), bend));
  }
  const below = ops.mul(0.5, ops.add(1, ops.erf(ops.mul(Math.SQRT1_2, x))));
  const density = ops.mul(1 / Math.sqrt(2 * Math.PI), ops.exp(ops.mul(-0.5, ops.mul(x, x))));
  return ops.add(below, ops.mul(x, density));
});

/** y = x, or slope · x where x is negative; the slope is an input and may be learnt. */
export const prelu: Rule = {
  gradient: ({ ops, inputs: [x, slope], gradient: g }) => [
    () => ops.mul(g, ops.where(ops.greater(x!, 0), 1, slope!)),
    () => ops.mul(g, ops.min(x!, 0)),
  ],
};
