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
// So: tap by tap, unless there are only a few channels; then a Gemm per tap has next to nothing to do. Two more where a tap is a
// small product over a large copy:                                                             tap by tap
//   128x32x32x32  1x1 → 64;  32x64x56x56 1x1 → 256; 100x1280x5x5 1x1 → 320                     14, 45, 27   image by image   6, 25, 45
//   128x32x32x32, 32x384x14x14, 32x144x56x56  depthwise 3x3                                    36, 29, 207  row by row       34, 16, 133
//   128x64x32x32, 128x128x16x16, 32x96x112x112  depthwise 3x3 stride 2                         71, 36, 382  row by row       32, 15, 170
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
  const { windows: w, group, input, gradient } = options;
  const [channels, out] = [input.dims[1]!, gradient.dims[1]!];
  const count = elementCount(w.kernel);
  if (count === 1) {
    const positions = elementCount(w.output);
    const small = out * (channels / group) <= positions * (channels + out);
    return small ? imageByImage(options) : tapByTap(options);
  }
  if (channels === group && out === group) return rowByRow(options);
  if (channels > FEW_CHANNELS || group > 1) return tapByTap(options);
  const padded = w.before.every((_, i) => w.before[i]! >= 0 && w.reach[i]! >= 0);
  return count > FEW_TAPS && padded ? oneConv(options) : oneProduct(options);
}

/** x as seen by each tap [channels, batch, ...output], channels first so that all else is summed over as one axis. */
function seenByTaps(options: WeightGradient): string[] {
  const { ops, windows: w, input } = options;
  const rank = input.dims.length;
  if (elementCount(w.kernel) === 1) return [swap(ops, seenByOne(options), rank)];
  const x = swap(ops, padded(options), rank);
  return taps(w.kernel).map((tap) => tapSlice(ops, x, rank, { windows: w, tap }));
}

/** x as seen by the only tap [batch, channels, ...output]. */
function seenByOne(options: WeightGradient): string {
  const { ops, windows: w, input } = options;
  const whole = w.output.every((size, i) => size === w.input[i]! + w.before[i]! + w.reach[i]!);
  const x = padded(options);
  return whole ? x : tapSlice(ops, x, input.dims.length, { windows: w, tap: zeros(w) });
}

const padded = ({ ops, windows: w, input }: WeightGradient) =>
  ops.pad(input.name, [0, 0, ...w.before], [0, 0, ...w.reach]);
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

/** The product of each image of its own, then their sum: nothing is put in another order. */
function imageByImage(options: WeightGradient): string {
  const { ops, windows: w, group, input, gradient } = options;
  const [n, channels] = input.dims as [number, number, ...number[]];
  const [out, positions] = [gradient.dims[1]!, elementCount(w.output)];
  const rows = ops.reshape(gradient.name, [n, group, out / group, positions]);
  const columns = ops.transpose(
    ops.reshape(seenByOne(options), [n, group, channels / group, positions]),
    [0, 1, 3, 2],
  );
  return ops.reshape(ops.sum(ops.matmul(rows, columns), [0]), [out, channels / group, ...w.kernel]);
}

/**
 * One channel a group: rows of g by the rows of x that they see, as one product per channel and tap of the other axes. All
 * pairs of a number in the one and in the other are in it, summed; those that a tap of the last axis joins are picked out.
 */
function rowByRow(options: WeightGradient): string {
  const { ops, windows: w, input, gradient } = options;
  const [n, channels] = input.dims as [number, number, ...number[]];
  const last = w.kernel.length - 1;
  const [from, to] = [w.input[last]!, w.output[last]!];
  const but = (sizes: Dims, size: number) => sizes.with(last, size);
  const seen = seenByTaps({
    ...options,
    windows: {
      ...w,
      ...{ kernel: but(w.kernel, 1), strides: but(w.strides, 1), output: but(w.output, from) },
      ...{ before: but(w.before, 0), reach: but(w.reach, 0) },
    },
  });
  const positions = n * elementCount(w.output.slice(0, last));
  const g = ops.reshape(swap(ops, gradient.name, gradient.dims.length), [channels, positions, to]);
  const columns = ops.transpose(g, [0, 2, 1]);
  const products = seen.map((x) =>
    ops.unsqueeze(ops.matmul(columns, ops.reshape(x, [channels, positions, from])), [1]),
  );
  const pairs = ops.reshape(ops.concat(products, 1), [channels * seen.length, to * from]);
  return ops.reshape(ops.matmul(pairs, joined(ops, w, last)), [channels, 1, ...w.kernel]);
}

/** [output · input, taps] of one axis: 1 where the tap of that output position lies on that input position. */
function joined(ops: Ops, w: Windows, axis: number): string {
  const [input, count] = [w.input[axis]!, w.kernel[axis]!];
  const at = (o: number, tap: number) => o * w.strides[axis]! + tap * w.dilations[axis]! - w.before[axis]!;
  const hits = range(w.output[axis]!).flatMap((o) =>
    range(input).flatMap((i) => range(count).map((tap) => Number(at(o, tap) === i))),
  );
  return ops.tensor([w.output[axis]! * input, count], hits);
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
