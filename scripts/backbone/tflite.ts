// Reads a TFLite flatbuffer (schema.fbs, version 3) into plain data: hand-written accessors for the few tables an
// image classifier has. Not a converter (convert.ts) and not used at run time.

import { ByteBuffer } from 'flatbuffers';
import { AttractorError } from '../../src/errors/error.ts';

export interface TfliteTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: 'float32' | 'uint8' | 'int32';
  /** real = scale * (quantised - zeroPoint); undefined where the tensor is not quantised. */
  readonly quantisation: { readonly scale: number; readonly zeroPoint: number } | undefined;
  /** Empty for activations. */
  readonly data: Uint8Array;
}

export type TfliteOperator =
  | { readonly op: 'conv'; readonly options: WindowOptions }
  | { readonly op: 'average-pool' | 'max-pool'; readonly options: PoolOptions }
  | { readonly op: 'concat'; readonly options: { readonly axis: number; readonly activation: Activation } }
  | { readonly op: 'reshape'; readonly options: Record<string, never> }
  | { readonly op: 'softmax'; readonly options: { readonly beta: number } };

export type Activation = 'none' | 'relu' | 'relu6';

export interface WindowOptions {
  readonly padding: 'SAME' | 'VALID';
  /** Height, width. */
  readonly strides: readonly [number, number];
  readonly activation: Activation;
}

export interface PoolOptions extends WindowOptions {
  /** Height, width. */
  readonly window: readonly [number, number];
}

export type TfliteNode = TfliteOperator & {
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
};

export interface TfliteGraph {
  readonly tensors: readonly TfliteTensor[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  /** In execution order. */
  readonly nodes: readonly TfliteNode[];
}

const unsupported = (message: string) => new AttractorError('onnx_unsupported', `TFLite: ${message}`);

/** A flatbuffer table; a field is named by its position in schema.fbs and may be absent. */
class Table {
  readonly #bytes: ByteBuffer;
  readonly #at: number;

  constructor(bytes: ByteBuffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  static root(bytes: Uint8Array): Table {
    const buffer = new ByteBuffer(bytes);
    return new Table(buffer, buffer.readInt32(0));
  }

  byte(field: number): number {
    const at = this.#field(field);
    return at === undefined ? 0 : this.#bytes.readUint8(at);
  }

  int(field: number, absent = 0): number {
    const at = this.#field(field);
    return at === undefined ? absent : this.#bytes.readInt32(at);
  }

  float(field: number): number {
    const at = this.#field(field);
    return at === undefined ? 0 : this.#bytes.readFloat32(at);
  }

  string(field: number): string {
    const at = this.#field(field);
    return at === undefined ? '' : (this.#bytes.__string(at) as string);
  }

  table(field: number): Table | undefined {
    const at = this.#field(field);
    return at === undefined ? undefined : new Table(this.#bytes, this.#bytes.__indirect(at));
  }

  tables(field: number): Table[] {
    return this.#vector(field, 4, (at) => new Table(this.#bytes, this.#bytes.__indirect(at)));
  }

  ints(field: number): number[] {
    return this.#vector(field, 4, (at) => this.#bytes.readInt32(at));
  }

  longs(field: number): number[] {
    return this.#vector(field, 8, (at) => Number(this.#bytes.readInt64(at)));
  }

  floats(field: number): number[] {
    return this.#vector(field, 4, (at) => this.#bytes.readFloat32(at));
  }

  bytes(field: number): Uint8Array {
    const at = this.#field(field);
    if (at === undefined) return new Uint8Array(0);
    const start = this.#bytes.__vector(at);
    return this.#bytes.bytes().slice(start, start + this.#bytes.__vector_len(at));
  }

  #field(field: number): number | undefined {
    const offset = this.#bytes.__offset(this.#at, 4 + 2 * field);
    return offset === 0 ? undefined : this.#at + offset;
  }

  #vector<T>(field: number, size: number, read: (at: number) => T): T[] {
    const at = this.#field(field);
    if (at === undefined) return [];
    const start = this.#bytes.__vector(at);
    return Array.from({ length: this.#bytes.__vector_len(at) }, (_, i) => read(start + i * size));
  }
}

/** Reads the first subgraph. Throws `onnx_unsupported`, naming it, on an operator or tensor type not listed above. */
export function readTflite(bytes: Uint8Array): TfliteGraph {
  const identifier = new TextDecoder().decode(bytes.subarray(4, 8));
  if (identifier !== 'TFL3') throw unsupported(`expected the file identifier TFL3, received "${identifier}"`);
  const model = Table.root(bytes);
  const codes = model.tables(1).map((code) => Math.max(code.byte(0), code.int(3)));
  const graph = model.tables(2)[0];
  if (!graph) throw unsupported('the file has no subgraph');
  const buffers = model.tables(4);
  return {
    tensors: graph.tables(0).map((tensor) => readTensor(tensor, buffers)),
    inputs: graph.ints(1),
    outputs: graph.ints(2),
    nodes: graph.tables(3).map((node) => ({
      ...readOperator(codes[node.int(0)]!, node.table(4)),
      inputs: node.ints(1),
      outputs: node.ints(2),
    })),
  };
}

function readTensor(tensor: Table, buffers: readonly Table[]): TfliteTensor {
  const name = tensor.string(3);
  const type = ({ 0: 'float32', 2: 'int32', 3: 'uint8' } as const)[tensor.byte(1)];
  if (!type) throw unsupported(`tensor "${name}" of type ${tensor.byte(1)}`);
  const scales = tensor.table(4)?.floats(2) ?? [];
  if (scales.length > 1) throw unsupported(`tensor "${name}" is quantised per channel`);
  return {
    name,
    shape: tensor.ints(0),
    type,
    quantisation:
      scales.length === 0 ? undefined : { scale: scales[0]!, zeroPoint: tensor.table(4)!.longs(3)[0] ?? 0 },
    data: buffers[tensor.int(2)]?.bytes(0) ?? new Uint8Array(0),
  };
}

function readOperator(code: number, options: Table | undefined): TfliteOperator {
  const window = (activation: number): WindowOptions => ({
    padding: options?.byte(0) === 1 ? 'VALID' : 'SAME',
    strides: [options?.int(2) ?? 1, options?.int(1) ?? 1],
    activation: readActivation(options?.byte(activation) ?? 0),
  });
  switch (code) {
    case 1:
    case 17:
      return {
        op: code === 1 ? 'average-pool' : 'max-pool',
        options: { ...window(5), window: [options?.int(4) ?? 1, options?.int(3) ?? 1] },
      };
    case 2:
      return {
        op: 'concat',
        options: { axis: options?.int(0) ?? 0, activation: readActivation(options?.byte(1) ?? 0) },
      };
    case 3:
      if (options?.int(4, 1) !== 1 || options.int(5, 1) !== 1) throw unsupported('a dilated convolution');
      return { op: 'conv', options: window(3) };
    case 22:
      return { op: 'reshape', options: {} };
    case 25:
      return { op: 'softmax', options: { beta: options?.float(0) ?? 0 } };
    default:
      throw unsupported(`builtin operator ${code}`);
  }
}

function readActivation(code: number): Activation {
  const activation = (['none', 'relu', undefined, 'relu6'] as const)[code];
  if (!activation) throw unsupported(`fused activation ${code}`);
  return activation;
}
