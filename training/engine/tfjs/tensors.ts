// Between the plain tensors of ONNX and those of TensorFlow.js, which has one float and one whole type.

import { invalid } from '../../../src/errors/error.ts';
import type { Tensor as Plain, ValueInfo } from '../../../src/onnx/model.ts';
import { checkTensor } from '../../../src/onnx/tensor.ts';
import type { Tensor, Tf } from './load.ts';

/** float64 loses digits; whole numbers beyond 32 bits, which only limits of slices are, stop at the largest. */
export function fromPlain(tf: Tf, { type, dims, data }: Plain): Tensor {
  const shape = [...dims];
  switch (type) {
    case 'float32':
      return tf.tensor(data as Float32Array, shape, 'float32');
    case 'float64':
      return tf.tensor(Float32Array.from(data as Float64Array), shape, 'float32');
    case 'float16':
      return tf.tensor(Float32Array.from(data as Uint16Array, halfToFloat), shape, 'float32');
    case 'bool':
      return tf.tensor(data as Uint8Array, shape, 'bool');
    case 'int64':
      return tf.tensor(Int32Array.from(data as BigInt64Array, clamped), shape, 'int32');
    default:
      return tf.tensor(Int32Array.from(data as Uint8Array), shape, 'int32');
  }
}

const clamped = (value: bigint) => Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Number(value)));

function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Throws `invalid_argument` where a batch is not what the graph's inputs say. */
export function checkFeeds(inputs: readonly ValueInfo[], batch: Readonly<Record<string, Plain>>): void {
  for (const name of Object.keys(batch)) {
    if (!inputs.some((input) => input.name === name)) {
      throw invalid(`feeds.${name}`, `one of ${inputs.map((input) => input.name).join(', ')}`, name);
    }
  }
  for (const { name, type, dims } of inputs) {
    const given = batch[name];
    const fits = given?.type === type && String(given.dims) === String(dims);
    if (!fits) {
      throw invalid(`feeds.${name}`, `${type} [${dims}]`, given && `${given.type} [${given.dims}]`);
    }
    checkTensor(given, name);
  }
}
