// The tensor part of the ONNX encoding (TensorProto), and the refusals that the whole codec shares.

import { create } from '@bufbuild/protobuf';
import {
  TensorProto_DataType as DataType,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from 'onnx-buf';
import { AttractorError } from '../errors/error.ts';
import type { Tensor, TensorData, TensorType } from './model.ts';
import { ARRAYS, checkTensor, elementCount } from './tensor.ts';

export const DATA_TYPE: Record<TensorType, DataType> = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  float64: DataType.DOUBLE,
  uint8: DataType.UINT8,
  int8: DataType.INT8,
  int32: DataType.INT32,
  int64: DataType.INT64,
  bool: DataType.BOOL,
};
const TENSOR_TYPE = new Map(Object.entries(DATA_TYPE).map(([type, code]) => [code, type as TensorType]));

/** `what` is for the message: the tensor or value that has the type. */
export function tensorType(code: number, what: string): TensorType {
  const type = TENSOR_TYPE.get(code);
  if (!type) throw unsupported(`${what} of type ${DataType[code] ?? code}`);
  return type;
}

export const malformed = (message: string, cause?: unknown) =>
  new AttractorError('onnx_invalid', `ONNX: ${message}`, { cause });
export const unsupported = (message: string) => new AttractorError('onnx_unsupported', `ONNX: ${message}`);

export function readTensor(proto: TensorProto, name: string): Tensor {
  const type = tensorType(proto.dataType, `tensor "${name}"`);
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) {
    throw unsupported(`tensor "${name}" keeps its data in another file; export with the weights inside`);
  }
  const dims = proto.dims.map(Number);
  const tensor = { type, dims, data: readData(proto, type, elementCount(dims), name) };
  checkTensor(tensor, name);
  return tensor;
}

/** Data are in `raw_data` (little-endian, at any byte offset: copied, never viewed) or in a field per type. */
function readData(proto: TensorProto, type: TensorType, count: number, name: string): TensorData {
  const array = ARRAYS[type];
  if (proto.rawData.length > 0) {
    if (proto.rawData.length !== count * array.BYTES_PER_ELEMENT) {
      throw malformed(
        `tensor "${name}": expected ${count * array.BYTES_PER_ELEMENT} bytes, received ${proto.rawData.length}`,
      );
    }
    // Not slice(): of a Node Buffer that is a view as well.
    return new array(new Uint8Array(proto.rawData).buffer);
  }
  if (type === 'float32') return Float32Array.from(proto.floatData);
  if (type === 'float64') return Float64Array.from(proto.doubleData);
  if (type === 'int64') return BigInt64Array.from(proto.int64Data);
  return (array as typeof Int32Array).from(proto.int32Data) as TensorData;
}

export function writeTensor(tensor: Tensor, name: string): TensorProto {
  checkTensor(tensor, name);
  const { buffer, byteOffset, byteLength } = tensor.data;
  return create(TensorProtoSchema, {
    name,
    dataType: DATA_TYPE[tensor.type],
    dims: tensor.dims.map((dim) => BigInt(dim)),
    rawData: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength),
  });
}
