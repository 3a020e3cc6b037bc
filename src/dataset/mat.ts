// Reads MATLAB's level 5 MAT-files (format document of MathWorks, chapter 1): structs, cells, text and real numbers, plain or
// compressed. Not v7.3 (HDF5), and no sparse, complex or object arrays. For annotation files: everything becomes objects.
// (mat-for-js, the one package on npm that reads struct arrays, is under the GPL and fails on text beyond ASCII.)

import { inflateSync } from 'node:zlib';
import { AttractorError } from '../errors/error.ts';

export type MatValue = MatArray<number> | MatArray<MatValue> | MatArray<MatStruct> | string;

export interface MatStruct {
  readonly [field: string]: MatValue;
}

export interface MatArray<T> {
  readonly shape: readonly number[];
  /** Column-major. */
  readonly values: readonly T[];
}

interface Element {
  readonly type: number;
  readonly data: Buffer;
}

const COMPRESSED = 15;
const MATRIX = 14;
const CLASS = { cell: 1, struct: 2, char: 4, double: 6, uint64: 15 };
const COMPLEX = 8;

/** Bytes of each number type and how it is read. */
const NUMBERS: Record<number, readonly [number, (data: Buffer, at: number) => number]> = {
  1: [1, (data, at) => data.readInt8(at)],
  2: [1, (data, at) => data.readUInt8(at)],
  3: [2, (data, at) => data.readInt16LE(at)],
  4: [2, (data, at) => data.readUInt16LE(at)],
  5: [4, (data, at) => data.readInt32LE(at)],
  6: [4, (data, at) => data.readUInt32LE(at)],
  7: [4, (data, at) => data.readFloatLE(at)],
  9: [8, (data, at) => data.readDoubleLE(at)],
  12: [8, (data, at) => Number(data.readBigInt64LE(at))],
  13: [8, (data, at) => Number(data.readBigUInt64LE(at))],
};

/** Text types: MATLAB writes one-byte and two-byte units as plain numbers too. */
const TEXT: Record<number, BufferEncoding> = {
  1: 'latin1',
  2: 'latin1',
  4: 'utf16le',
  16: 'utf8',
  17: 'utf16le',
};

/** Variables by name. Throws `dataset_invalid` where the bytes are no such file or hold what is not read here. */
export function readMat(bytes: Uint8Array): Map<string, MatValue> {
  try {
    return variablesOf(bytes);
  } catch (cause) {
    if (cause instanceof RangeError) throw refuse('it is cut off or corrupt', cause);
    throw cause;
  }
}

function variablesOf(bytes: Uint8Array): Map<string, MatValue> {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mark = file.toString('latin1', 126, 128);
  if (mark !== 'IM') throw refuse(mark === 'MI' ? 'big-endian files are not read' : 'no level 5 header');
  if (file.readUInt16LE(124) !== 0x0100) throw refuse('only level 5 is read (save with -v7 or -v6)');
  const variables = new Map<string, MatValue>();
  for (const outer of elements(file.subarray(128))) {
    for (const element of outer.type === COMPRESSED ? elements(inflate(outer.data)) : [outer]) {
      const found = element.type === MATRIX ? matrix(element.data) : undefined;
      if (found) variables.set(found.name, found.value);
    }
  }
  return variables;
}

/** Tag and data of each element in turn. Four bytes or fewer may sit in the tag; compressed ones are not padded to eight. */
function* elements(data: Buffer): Generator<Element> {
  for (let at = 0; at + 8 <= data.length; ) {
    const word = data.readUInt32LE(at);
    const small = word >>> 16;
    const type = small ? word & 0xffff : word;
    const size = small || data.readUInt32LE(at + 4);
    const start = at + (small ? 4 : 8);
    if (start + size > data.length) throw refuse(`an element of ${size} bytes is cut off`);
    yield { type, data: data.subarray(start, start + size) };
    at = small ? at + 8 : start + (type === COMPRESSED ? size : Math.ceil(size / 8) * 8);
  }
}

function matrix(data: Buffer): { name: string; value: MatValue } {
  // MATLAB writes a value that was never set as an array without a byte.
  if (data.length === 0) return { name: '', value: { shape: [0, 0], values: [] } };
  const parts = elements(data);
  const next = (): Element => {
    const { value, done } = parts.next();
    if (done) throw refuse('an array ends early');
    return value;
  };
  const flags = next().data.readUInt32LE(0);
  const kind = flags & 0xff;
  if ((flags >> 8) & COMPLEX) throw refuse('complex numbers are not read');
  const shape = numbers(next());
  const count = shape.reduce((product, size) => product * size, 1);
  const name = next().data.toString('latin1');
  const inner = () => matrix(next().data).value;
  const array = <T>(values: T[]): MatArray<T> => ({ shape, values });

  if (kind === CLASS.char) return { name, value: text(next()) };
  if (kind === CLASS.cell) return { name, value: array(Array.from({ length: count }, inner)) };
  if (kind === CLASS.struct) {
    const width = next().data.readInt32LE(0);
    const names = next().data;
    const fields = Array.from({ length: names.length / width }, (_, i) =>
      names.toString('latin1', i * width, (i + 1) * width).replace(/\0.*$/s, ''),
    );
    const struct = (): MatStruct => Object.fromEntries(fields.map((field) => [field, inner()]));
    return { name, value: array(Array.from({ length: count }, struct)) };
  }
  if (kind >= CLASS.double && kind <= CLASS.uint64) return { name, value: array(numbers(next())) };
  throw refuse(`arrays of class ${kind} are not read`);
}

function numbers({ type, data }: Element): number[] {
  const found = NUMBERS[type];
  if (found === undefined) throw refuse(`numbers of type ${type} are not read`);
  const [size, read] = found;
  return Array.from({ length: data.length / size }, (_, i) => read(data, i * size));
}

/** A row of characters; a matrix of characters comes out column by column. */
function text({ type, data }: Element): string {
  const encoding = TEXT[type];
  if (encoding === undefined) throw refuse(`text of type ${type} is not read`);
  return data.toString(encoding);
}

function inflate(data: Buffer): Buffer {
  try {
    return inflateSync(data);
  } catch (cause) {
    throw refuse('a compressed element is corrupt', cause);
  }
}

function refuse(reason: string, cause?: unknown): AttractorError {
  return new AttractorError('dataset_invalid', `Not a readable MAT-file: ${reason}`, { cause });
}
