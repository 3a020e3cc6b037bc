// The gradient of a convolution by its weights: dL/dw[tap] = Σ over batch and positions of g times the part of x that this tap sees.
//
// Forms, by milliseconds of one thread in onnxruntime 1.30 (AVX512), x → out:            tap by tap  all taps in one Gemm  one Conv
//   100x1280x5x5  1x1 → 320                                                                      30
//   100x448x5x5   3x3 → 384                                                                     104            122         172
//   100x384x5x5   1x3, 3x1 → 384                                                             32, 27         37, 27         123
//   100x192x12x12 3x3 stride 2 → 320                                                             45             47          61
//   32x64x56x56   3x3 → 64                                                                      119            141         273
//   128x3x64x64   3x3 stride 2 → 32                                                              29             16          19
//   32x3x96x96    5x5 → 24                                                                      119             40          45
//   32x3x224x224  7x7 stride 2 → 64                                                             805            357         200
//   32x8x96x96    3x3 stride 2 → 24                                                              22             24          17
//   32x3x224x224  16x16 stride 16 → 192 (ViT)                                                   151             45          26
// So: tap by tap, unless there are only a few channels; then a Gemm per tap has next to nothing to do.
import { attr } from '../../../src/onnx/build.ts';
import { elementCount } from '../../../src/onnx/tensor.ts';
import type { Ops } from '../../graph/ops.ts';
import { type Dims, range } from '../rule.ts';
import { tapSlice, taps, type Windows } from '../window.ts';

/** Up to this many channels all taps go into one product. */
const FEW_CHANNELS = 4;
/** Up to this many taps that product is a Gemm over a copy of x per tap; beyond, one Conv. */
const FEW_TAPS = 25;

export interface WeightGradient {
  readonly ops: Ops;
  readonly windows: Windows;
  readonly group: number;
  /** What the windows slide over: [batch, channels, ...windows.input]. */
  readonly input: Value;
  /** [batch, out, ...windows.output]. */
  readonly gradient: Value;
}

interface Value {
  readonly name: string;
  readonly dims: Dims;
}

/** Returns [out, channels / group, ...kernel]. */
export function weightGradient(options: WeightGradient): string {
  const { windows: w, group, input } = options;
  const few = input.dims[1]! <= FEW_CHANNELS && group === 1;
  const count = elementCount(w.kernel);
  if (few && count > FEW_TAPS && w.before.every((_, i) => w.before[i]! >= 0 && w.reach[i]! >= 0)) {
    return oneConv(options);
  }
  return few && count > 1 ? oneProduct(options) : tapByTap(options);
}

/** x as seen by each tap [channels, batch, ...output], channels first so that all else is summed over as one axis. */
function seenByTaps({ ops, windows: w, input }: WeightGradient): string[] {
  const rank = input.dims.length;
  const single = elementCount(w.kernel) === 1;
  const padded = ops.pad(input.name, [0, 0, ...w.before], [0, 0, ...w.reach]);
  const whole = w.output.every((size, i) => size === w.input[i]! + w.before[i]! + w.reach[i]!);
  if (single)
    return [swap(ops, whole ? padded : tapSlice(ops, padded, rank, { windows: w, tap: zeros(w) }), rank)];
  const x = swap(ops, padded, rank);
  return taps(w.kernel).map((tap) => tapSlice(ops, x, rank, { windows: w, tap }));
}

const zeros = (w: Windows) => w.kernel.map(() => 0);
/** Batch and channels in the other order. */
const swap = (ops: Ops, x: string, rank: number) =>
  ops.transpose(x, [1, 0, ...range(rank - 2).map((i) => i + 2)]);

function tapByTap(options: WeightGradient): string {
  const { ops, windows: w, group, input, gradient } = options;
  const [n, channels] = input.dims as [number, number, ...number[]];
  const out = gradient.dims[1]!;
  const each = channels / group;
  const positions = n * elementCount(w.output);
  const g = swap(ops, gradient.name, gradient.dims.length);
  const target = [out, each, ...w.kernel];
  const seen = seenByTaps(options);
  if (group === 1) {
    const rows = ops.reshape(g, [out, positions]);
    const products = seen.map((x) => ops.gemm(rows, ops.reshape(x, [channels, positions]), { transB: true }));
    return tapsLast(ops, products, target);
  }
  const rows = ops.reshape(g, [group, out / group, positions]);
  const products = seen.map((x) => {
    const columns = ops.transpose(ops.reshape(x, [group, each, positions]), [0, 2, 1]);
    return ops.reshape(ops.matmul(rows, columns), [out, each]);
  });
  return tapsLast(ops, products, target);
}

/** [out, each] of every tap as [out, each, ...kernel]. One transposition is quicker than interleaving. */
function tapsLast(ops: Ops, products: readonly string[], target: Dims): string {
  if (products.length === 1) return ops.reshape(products[0]!, target);
  const stacked = ops.concat(
    products.map((product) => ops.unsqueeze(product, [0])),
    0,
  );
  return ops.reshape(ops.transpose(stacked, [1, 2, 0]), target);
}

function oneProduct(options: WeightGradient): string {
  const { ops, windows: w, input, gradient } = options;
  const [n, channels] = input.dims as [number, number, ...number[]];
  const out = gradient.dims[1]!;
  const positions = n * elementCount(w.output);
  const seen = seenByTaps(options).map((x) => ops.reshape(x, [channels, 1, positions]));
  const columns = ops.reshape(ops.concat(seen, 1), [channels * seen.length, positions]);
  const rows = ops.reshape(swap(ops, gradient.name, gradient.dims.length), [out, positions]);
  return ops.reshape(ops.gemm(rows, columns, { transB: true }), [out, channels, ...w.kernel]);
}

/** x with channels as its batch, convolved by g with outputs as its batch: strides and dilations change places. */
function oneConv({ ops, windows: w, input, gradient }: WeightGradient): string {
  const rank = input.dims.length;
  const sums = ops.node('Conv', [swap(ops, input.name, rank), swap(ops, gradient.name, rank)], {
    pads: attr.ints([...w.before, ...w.reach]),
    strides: attr.ints(w.dilations),
    dilations: attr.ints(w.strides),
  });
  return swap(ops, sums, rank);
}
