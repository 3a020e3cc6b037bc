// Other operators that onnxruntime computes in float32 only.
import { attr } from '../../../../src/onnx/build.ts';
import type { OneNode } from '../float32.ts';

export const NARROW: readonly (OneNode & { readonly about?: string; readonly opset?: number })[] = [
  { op: 'Erf', inputs: [[3, 4]], range: [-2, 2] },
  { op: 'Gelu', about: 'exact', inputs: [[3, 4]], range: [-2, 2], opset: 20 },
  {
    op: 'Gelu',
    about: 'by tanh',
    inputs: [[3, 4]],
    attributes: { approximate: attr.string('tanh') },
    range: [-2, 2],
    opset: 20,
  },
  { op: 'InstanceNormalization', inputs: [[2, 3, 4, 2], [3], [3]] },
  { op: 'Mean', about: 'broadcast', inputs: [[2, 3], [3], [2, 1]] },
  { op: 'Mean', about: 'of one', inputs: [[2, 3]] },
];
