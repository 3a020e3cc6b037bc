import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import {
  AttributeProto_AttributeType,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import { describe, expect, test } from 'vitest';
import { decodeModel, encodeModel } from '../../src/onnx/codec.ts';
import type { Attribute, OnnxModel, Tensor, TensorType } from '../../src/onnx/model.ts';
import { ARRAYS, elementCount, f32, i64, scalar } from '../../src/onnx/tensor.ts';

const dims = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });
const tensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom(...(Object.keys(ARRAYS) as TensorType[])), dims)
  .chain(([type, shape]) => {
    const bytes = elementCount(shape) * ARRAYS[type].BYTES_PER_ELEMENT;
    return fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((raw) => ({ type, dims: shape, data: new ARRAYS[type](raw.slice().buffer) }));
  });
const float = fc.float({ noNaN: true });
const int = fc.maxSafeInteger();
const attribute: fc.Arbitrary<Attribute> = fc.oneof(
  int.map((value) => ({ kind: 'int' as const, value })),
  float.map((value) => ({ kind: 'float' as const, value })),
  fc.string({ unit: 'grapheme' }).map((value) => ({ kind: 'string' as const, value })),
  fc.array(int, { maxLength: 4 }).map((value) => ({ kind: 'ints' as const, value })),
  fc.array(float, { maxLength: 4 }).map((value) => ({ kind: 'floats' as const, value })),
  fc.array(fc.string(), { maxLength: 3 }).map((value) => ({ kind: 'strings' as const, value })),
  tensor.map((value) => ({ kind: 'tensor' as const, value })),
);
const name = fc.string({ minLength: 1, maxLength: 8 });
const dim = fc.oneof(fc.nat({ max: 9 }), fc.string({ maxLength: 4 }));

/** Any graph that is in single-assignment, topological order; operators need not exist. */
const model: fc.Arbitrary<OnnxModel> = fc
  .record({
    names: fc.uniqueArray(name, { minLength: 3, maxLength: 8 }),
    tensors: fc.array(tensor, { minLength: 1, maxLength: 1 }),
    attributes: fc.array(fc.dictionary(name, attribute, { maxKeys: 3 }), { minLength: 8, maxLength: 8 }),
    shape: fc.array(dim, { maxLength: 3 }),
    metadata: fc.dictionary(name, fc.string(), { maxKeys: 3 }),
    irVersion: fc.integer({ min: 3, max: 13 }),
    opset: fc.integer({ min: 1, max: 24 }),
    domain: fc.constantFrom('', 'com.example'),
  })
  .map(({ names, tensors, attributes, shape, metadata, irVersion, opset, domain }) => {
    const [input, weight, ...inner] = names as [string, string, ...string[]];
    return {
      graph: {
        name: 'g',
        inputs: [{ name: input, type: 'float32' as const, dims: shape }],
        outputs: [{ name: inner.at(-1)!, type: 'float32' as const, dims: shape }],
        initializers: new Map([[weight, tensors[0]!]]),
        nodes: inner.map((output, i) => ({
          op: 'Op',
          name: i === 0 ? '' : `n${i}`,
          inputs: [i === 0 ? input : inner[i - 1]!, '', weight],
          outputs: [output],
          attributes: attributes[i]!,
          domain,
        })),
      },
      irVersion,
      opset,
      producer: 'test',
      metadata,
    };
  });

const tiny = (parts: Partial<OnnxModel['graph']> = {}): OnnxModel => ({
  graph: {
    name: 'tiny',
    inputs: [{ name: 'x', type: 'float32', dims: ['n', 2] }],
    outputs: [{ name: 'y', type: 'float32', dims: ['n', 2] }],
    initializers: new Map([['w', f32([2], [1, 2])]]),
    nodes: [{ op: 'Mul', name: 'm', inputs: ['x', 'w'], outputs: ['y'], attributes: {}, domain: '' }],
    ...parts,
  },
  irVersion: 8,
  opset: 17,
  producer: 'test',
  metadata: {},
});

/** `tiny` as protobuf, changed by hand into what other writers produce. */
function altered(change: (proto: ReturnType<typeof parse>) => void): Uint8Array {
  const proto = parse(encodeModel(tiny()));
  change(proto);
  return toBinary(ModelProtoSchema, proto);
}
const parse = (bytes: Uint8Array) => fromBinary(ModelProtoSchema, bytes);

describe('decodeModel(encodeModel(m))', () => {
  test('equals m', () => {
    fc.assert(
      fc.property(model, (m) => {
        expect(decodeModel(encodeModel(m))).toEqual(m);
      }),
    );
  });

  test('gives the same bytes again, in whatever order attributes and metadata were given', () => {
    fc.assert(
      fc.property(model, (m) => {
        const reversed = (record: object) => Object.fromEntries(Object.entries(record).reverse());
        const shuffled = {
          ...m,
          metadata: reversed(m.metadata),
          graph: {
            ...m.graph,
            nodes: m.graph.nodes.map((node) => ({ ...node, attributes: reversed(node.attributes) })),
          },
        };
        const bytes = encodeModel(m);
        expect(encodeModel(shuffled)).toEqual(bytes);
        expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
      }),
    );
  });
});

describe('decodeModel reads what other writers produce', () => {
  test('typed data fields instead of raw_data', () => {
    const bytes = altered(({ graph }) => {
      const tensors = [
        { name: 'f', dataType: TensorProto_DataType.FLOAT, floatData: [1.5, -2] },
        { name: 'd', dataType: TensorProto_DataType.DOUBLE, doubleData: [1.5, -2] },
        { name: 'l', dataType: TensorProto_DataType.INT64, int64Data: [5n, -6n] },
        { name: 'b', dataType: TensorProto_DataType.INT8, int32Data: [5, -6] },
        { name: 'h', dataType: TensorProto_DataType.FLOAT16, int32Data: [0x3c00, 0xbc00] },
      ];
      graph!.initializer.push(...tensors.map((init) => create(TensorProtoSchema, { dims: [2n], ...init })));
    });
    const { initializers } = decodeModel(bytes).graph;
    expect(initializers.get('f')!.data).toEqual(Float32Array.of(1.5, -2));
    expect(initializers.get('d')!.data).toEqual(Float64Array.of(1.5, -2));
    expect(initializers.get('l')!.data).toEqual(BigInt64Array.of(5n, -6n));
    expect(initializers.get('b')!.data).toEqual(Int8Array.of(5, -6));
    expect(initializers.get('h')!.data).toEqual(Uint16Array.of(0x3c00, 0xbc00));
  });

  test('raw_data at every byte offset, without holding on to the file', () => {
    for (let padding = 0; padding < 4; padding++) {
      const named = { ...tiny(), producer: 'p'.repeat(padding) };
      const bytes = Buffer.from(encodeModel(named));
      const { data } = decodeModel(bytes).graph.initializers.get('w')!;
      bytes.fill(0);
      expect(data).toEqual(Float32Array.of(1, 2));
    }
  });

  test('initialisers listed as inputs, and the standard domain by its long name', () => {
    const bytes = altered(({ graph, opsetImport }) => {
      graph!.input.push(create(ValueInfoProtoSchema, { ...graph!.input[0]!, name: 'w' }));
      graph!.node[0]!.domain = 'ai.onnx';
      opsetImport[0]!.domain = 'ai.onnx';
    });
    expect(decodeModel(bytes)).toEqual(tiny());
  });
});

describe('what cannot be read is refused with its name', () => {
  const cases: [string, string, RegExp, () => Uint8Array][] = [
    ['no bytes', 'onnx_invalid', /graph/, () => new Uint8Array(0)],
    ['text', 'onnx_invalid', /do not parse/, () => new TextEncoder().encode('<html>not found</html>')],
    ['a truncated file', 'onnx_invalid', /do not parse/, () => encodeModel(tiny()).subarray(0, -5)],
    [
      'too little data',
      'onnx_invalid',
      /"w".*expected 8 bytes, received 3/,
      () =>
        altered(({ graph }) => {
          graph!.initializer[0]!.rawData = new Uint8Array(3);
        }),
    ],
    [
      'external data',
      'onnx_unsupported',
      /"w".*another file/,
      () =>
        altered(({ graph }) => {
          graph!.initializer[0]!.dataLocation = TensorProto_DataLocation.EXTERNAL;
        }),
    ],
    [
      'a tensor type',
      'onnx_unsupported',
      /"w" of type BFLOAT16/,
      () =>
        altered(({ graph }) => {
          graph!.initializer[0]!.dataType = TensorProto_DataType.BFLOAT16;
        }),
    ],
    [
      'a subgraph',
      'onnx_unsupported',
      /"then_branch" of node "m" \(Mul\): type GRAPH/,
      () =>
        altered(({ graph }) => {
          const attribute = { name: 'then_branch', type: AttributeProto_AttributeType.GRAPH };
          graph!.node[0]!.attribute.push({
            ...parse(encodeWithAttribute()).graph!.node[0]!.attribute[0]!,
            ...attribute,
          });
        }),
    ],
    [
      'a value from nowhere',
      'onnx_invalid',
      /"m" \(Mul\) reads "z"/,
      () =>
        altered(({ graph }) => {
          graph!.node[0]!.input[1] = 'z';
        }),
    ],
    [
      'a value defined twice',
      'onnx_invalid',
      /"x" is defined twice/,
      () =>
        altered(({ graph }) => {
          graph!.node[0]!.output[0] = 'x';
        }),
    ],
  ];
  const encodeWithAttribute = () => {
    const [node] = tiny().graph.nodes;
    return encodeModel(tiny({ nodes: [{ ...node!, attributes: { a: { kind: 'int', value: 1 } } }] }));
  };
  test.each(cases)('%s', (_, code, message, bytes) => {
    expect(() => decodeModel(bytes())).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });

  test('random bytes never throw anything but an AttractorError', () => {
    const valid = encodeModel(tiny());
    const damaged = fc.tuple(fc.nat(valid.length - 1), fc.nat(255)).map(([at, value]) => {
      const bytes = valid.slice();
      bytes[at] = value;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 64 })), (bytes) => {
        try {
          decodeModel(bytes);
        } catch (error) {
          expect(error).toMatchObject({ name: 'AttractorError' });
        }
      }),
      { numRuns: 500 },
    );
  });
});

test('encodeModel refuses tensors whose data do not fit', () => {
  const initializers = new Map<string, Tensor>([
    ['w', { type: 'float32', dims: [3], data: new Float32Array(2) }],
  ]);
  expect(() => encodeModel(tiny({ initializers }))).toThrow(/"w": expected Float32Array\(3\)/);
  expect(() => i64([1, 2], [3])).toThrow(/expected BigInt64Array\(3\)/);
  expect(scalar(0.1).data[0]).toBe(Math.fround(0.1));
});
