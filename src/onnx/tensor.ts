// Tensors as plain data: making and checking them. Not arithmetic on them, which is for src/math and the runtime.

import { AttractorError, show } from '../errors/error.ts';
import type { Tensor, TensorData, TensorType } from './model.ts';

/** Typed array that holds each tensor type. */
export const ARRAYS = {
  float32: Float32Array,
  float16: Uint16Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  int32: Int32Array,
  int64: BigInt64Array,
  bool: Uint8Array,
} as const satisfies Record<TensorType, new (length: number) => TensorData>;

/** Product of the dimensions; 1 for a scalar. */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  for (const dim of dims) count *= dim;
  return count;
}

/** Throws `onnx_invalid` where the data are not what `type` and `dims` say; `name` is for the message. */
export function checkTensor(tensor: Tensor, name: string): void {
  const { type, dims, data } = tensor;
  const bad = (expected: string, received: unknown) =>
    new AttractorError('onnx_invalid', `tensor "${name}": expected ${expected}, received ${show(received)}`, {
      field: name,
      expected,
      received: show(received),
    });
  if (!Object.hasOwn(ARRAYS, type)) throw bad(`a type of ${Object.keys(ARRAYS).join(', ')}`, type);
  if (!dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0)) throw bad('whole dimensions', dims);
  if (!(data instanceof ARRAYS[type]) || data.length !== elementCount(dims)) {
    throw bad(`${ARRAYS[type].name}(${elementCount(dims)}) for ${type} [${dims}]`, data);
  }
}

function make(type: TensorType, dims: readonly number[], data: TensorData): Tensor {
  const tensor = { type, dims: [...dims], data };
  checkTensor(tensor, 'data');
  return tensor;
}

/** A float32 tensor; a Float32Array is taken as it is, not copied. */
export function f32(dims: readonly number[], data: Float32Array | readonly number[]): Tensor {
  return make('float32', dims, data instanceof Float32Array ? data : Float32Array.from(data));
}

/** A float32 tensor of rank 0. */
export function scalar(value: number): Tensor {
  return make('float32', [], Float32Array.of(value));
}

/** An int64 tensor, of rank 1 unless `dims` say otherwise: what axes, shapes and indices are made of. */
export function i64(
  data: readonly number[] | BigInt64Array,
  dims: readonly number[] = [data.length],
): Tensor {
  return make(
    'int64',
    dims,
    data instanceof BigInt64Array ? data : BigInt64Array.from(data, (x) => BigInt(x)),
  );
}

export function u8(dims: readonly number[], data: Uint8Array): Tensor {
  return make('uint8', dims, data);
}
