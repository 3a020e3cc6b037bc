// What the interpreter knows of one ONNX operator: how to compute it with TensorFlow.js, and in which layout of feature maps.
// Gradients are those of TensorFlow.js, or written beside the operator with `differentiable`.

import { AttractorError } from '../../../src/errors/error.ts';
import type { Dims, NodeView } from '../../autodiff/rule.ts';
import type { Backend, Tensor, Tf } from './load.ts';

export interface Step extends NodeView {
  readonly tf: Tf;
  readonly backend: Backend;
  /** The opset of the graph. */
  readonly opset: number;
  /** Where an optional input is left out: undefined. */
  readonly inputs: readonly (Tensor | undefined)[];
  /** Inputs that a gradient is wanted of. */
  readonly active: readonly boolean[];
  /** The inputs came as [batch, height, width, channels]. */
  readonly channelsLast: boolean;
  /** Dims of every output in ONNX's order of axes, whatever the layout of the inputs. */
  readonly outputDims: readonly Dims[];
}

/**
 * One tensor per output that the node has; a lone one may come without the array. The tensors are new ones, or the inputs
 * themselves.
 */
export type Compute = (step: Step) => Tensor | readonly (Tensor | undefined)[];

export interface Operator {
  readonly compute: Compute;
  /**
   * TensorFlow.js wants feature maps as [batch, height, width, channels]. `maps`: the first input comes and the first output
   * goes in that layout. `any`: works element by element, so all inputs come in whichever layout one of them has.
   * `plain`: everything in ONNX's own order.
   */
  readonly layout: 'maps' | 'any' | 'plain';
  /** Piecewise constant: no gradient goes back through it. */
  readonly flat?: true;
}

export const maps = (compute: Compute): Operator => ({ compute, layout: 'maps' });
export const any = (compute: Compute): Operator => ({ compute, layout: 'any' });
export const plain = (compute: Compute): Operator => ({ compute, layout: 'plain' });
/** An operator that no gradient goes through. */
export const flat = (operator: Operator): Operator => ({ ...operator, flat: true });

export interface Differentiable {
  /** Parallel to `step.inputs`, or to the first of them. */
  readonly inputs: readonly Tensor[];
  readonly forward: () => Tensor;
  /** dL/d(input), one function per input, called only where it is wanted. `saved` are the inputs and then the output. */
  readonly backward: (gradient: Tensor, saved: readonly Tensor[]) => readonly (() => Tensor)[];
  /** Which of the inputs a gradient is wanted of; by default what the step says. */
  readonly active?: readonly boolean[];
}

/** Computes with a gradient of our own in place of the library's. */
export function differentiable(step: Step, how: Differentiable): Tensor {
  const { tf } = step;
  const { inputs, active = step.active } = how;
  const wanted = inputs.map((_, i) => i).filter((i) => active[i]);
  if (wanted.length === 0) return tf.tidy(how.forward);
  // Only what a gradient is wanted of is passed in: the library asks for the gradient of all that is.
  const run = tf.customGrad((...args) => {
    const save = args.at(-1) as unknown as (tensors: readonly Tensor[]) => void;
    const value = how.forward();
    save([...inputs, value]);
    const gradFunc = (gradient: Tensor, saved: Tensor[]) => {
      const parts = how.backward(gradient, saved);
      return wanted.map((i) => parts[i]!());
    };
    return { value, gradFunc };
  });
  return run(...wanted.map((i) => inputs[i]!));
}

/** `onnx_unsupported`, naming node and operator. */
export function refused({ node }: NodeView, what: string): AttractorError {
  return new AttractorError('onnx_unsupported', `node "${node.name}" (${node.op}): ${what}`, {
    field: node.name,
    expected: 'an operator that the tfjs engine can compute',
    received: node.op,
  });
}
