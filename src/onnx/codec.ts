// ONNX bytes to plain data and back (format: onnx.proto3, IR 3 to 13), on onnx-buf's generated messages.
// Reads and writes; does not judge whether operators exist or shapes agree, which is the runtime's work.
// Kept: what model.ts names. Dropped on reading: doc strings, value_info, quantisation annotations.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from 'onnx-buf';
import type { Attribute, Graph, Node, OnnxModel, Tensor, ValueInfo } from './model.ts';
import { DATA_TYPE, malformed, readTensor, tensorType, unsupported, writeTensor } from './tensor-codec.ts';

const utf8 = new TextDecoder('utf-8');
const bytesOf = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

/**
 * Reads an ONNX file. Tensor data are copied, so nothing holds on to `bytes`. Initialisers that old files also
 * list as inputs are inputs no longer. A dimension without value or name is read as ''.
 * Throws `onnx_invalid` on malformed bytes and `onnx_unsupported` (naming tensor or node) on external data,
 * sparse tensors, subgraphs, functions and tensor types outside `TensorType`.
 */
export function decodeModel(bytes: Uint8Array): OnnxModel {
  let proto: ModelProto;
  try {
    proto = fromBinary(ModelProtoSchema, bytes, { readUnknownFields: false });
  } catch (cause) {
    throw malformed(`expected an ONNX model, received ${bytes.length} bytes that do not parse as one`, cause);
  }
  const { graph } = proto;
  if (!graph) throw malformed('expected a model with a graph, received none');
  const opset = proto.opsetImport.find(({ domain }) => domain === '' || domain === 'ai.onnx');
  if (!opset) throw malformed('expected an opset import of the standard domain, received none');
  if (proto.functions.length > 0) throw unsupported(`function "${proto.functions[0]!.name}" in the model`);
  if (graph.sparseInitializer.length > 0) {
    throw unsupported(`sparse initializer "${graph.sparseInitializer[0]!.values?.name ?? ''}"`);
  }

  const initializers = new Map<string, Tensor>();
  for (const tensor of graph.initializer) {
    if (initializers.has(tensor.name)) throw malformed(`initializer "${tensor.name}" is there twice`);
    initializers.set(tensor.name, readTensor(tensor, tensor.name));
  }
  const decoded: Graph = {
    name: graph.name,
    inputs: graph.input.filter(({ name }) => !initializers.has(name)).map(readValueInfo),
    outputs: graph.output.map(readValueInfo),
    initializers,
    nodes: graph.node.map(readNode),
  };
  checkNames(decoded);
  for (const { domain, version } of proto.opsetImport) {
    if (domain === '' || domain === 'ai.onnx' || version === 1n) continue;
    const user = decoded.nodes.find((node) => node.domain === domain);
    if (user) throw unsupported(`node "${user.name}" (${user.op}) of ${domain} version ${version}, not 1`);
  }
  return {
    graph: decoded,
    irVersion: Number(proto.irVersion),
    opset: Number(opset.version),
    producer: proto.producerName,
    metadata: Object.fromEntries(proto.metadataProps.map(({ key, value }) => [key, value])),
  };
}

/**
 * Writes an ONNX file. Equal models give equal bytes: attributes and metadata are written sorted by name, all
 * else in the order given. `decodeModel` of the result equals `model`. Throws `onnx_invalid` where tensor data
 * do not fit their type and dims, or a name is missing or defined twice.
 */
export function encodeModel(model: OnnxModel): Uint8Array {
  const { graph } = model;
  checkNames(graph);
  const domains = [...new Set(graph.nodes.map(({ domain }) => domain))]
    .filter((domain) => domain !== '')
    .sort();
  const proto = create(ModelProtoSchema, {
    irVersion: BigInt(model.irVersion),
    producerName: model.producer,
    opsetImport: [
      create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(model.opset) }),
      ...domains.map((domain) => create(OperatorSetIdProtoSchema, { domain, version: 1n })),
    ],
    metadataProps: Object.keys(model.metadata)
      .sort()
      .map((key) => create(StringStringEntryProtoSchema, { key, value: model.metadata[key]! })),
    graph: create(GraphProtoSchema, {
      name: graph.name,
      input: graph.inputs.map(writeValueInfo),
      output: graph.outputs.map(writeValueInfo),
      initializer: [...graph.initializers].map(([name, tensor]) => writeTensor(tensor, name)),
      node: graph.nodes.map((node) =>
        create(NodeProtoSchema, {
          name: node.name,
          opType: node.op,
          domain: node.domain,
          input: [...node.inputs],
          output: [...node.outputs],
          attribute: Object.entries(node.attributes)
            .map(([name, attribute]) => writeAttribute(name, attribute))
            .sort(byName),
        }),
      ),
    }),
  });
  return toBinary(ModelProtoSchema, proto);
}

/** Every value is defined once and before it is read (ONNX IR: single assignment, topological order). */
function checkNames(graph: Graph): void {
  const defined = new Set<string>();
  const define = (name: string) => {
    if (defined.has(name)) throw malformed(`value "${name}" is defined twice`);
    defined.add(name);
  };
  for (const { name } of graph.inputs) define(name);
  for (const name of graph.initializers.keys()) define(name);
  for (const node of graph.nodes) {
    for (const name of node.inputs) {
      if (name !== '' && !defined.has(name)) {
        throw malformed(`node "${node.name}" (${node.op}) reads "${name}", which nothing before it defines`);
      }
    }
    for (const name of node.outputs) if (name !== '') define(name);
  }
  for (const { name } of graph.outputs) {
    if (!defined.has(name)) throw malformed(`output "${name}" is never defined`);
  }
}

function readNode(proto: NodeProto): Node {
  const at = `node "${proto.name}" (${proto.opType})`;
  return {
    op: proto.opType,
    name: proto.name,
    inputs: proto.input,
    outputs: proto.output,
    attributes: Object.fromEntries(proto.attribute.map((entry) => [entry.name, readAttribute(entry, at)])),
    domain: proto.domain === 'ai.onnx' ? '' : proto.domain,
  };
}

function readAttribute(proto: AttributeProto, node: string): Attribute {
  const at = `attribute "${proto.name}" of ${node}`;
  const int = (value: bigint) => {
    if (!Number.isSafeInteger(Number(value))) throw unsupported(`${at}: ${value} is beyond 2^53`);
    return Number(value);
  };
  switch (proto.type) {
    case AttributeType.INT:
      return { kind: 'int', value: int(proto.i) };
    case AttributeType.FLOAT:
      return { kind: 'float', value: proto.f };
    case AttributeType.STRING:
      return { kind: 'string', value: utf8.decode(proto.s) };
    case AttributeType.INTS:
      return { kind: 'ints', value: proto.ints.map(int) };
    case AttributeType.FLOATS:
      return { kind: 'floats', value: proto.floats };
    case AttributeType.STRINGS:
      return { kind: 'strings', value: proto.strings.map((text) => utf8.decode(text)) };
    case AttributeType.TENSOR:
      if (!proto.t) throw malformed(`${at} has no tensor`);
      return { kind: 'tensor', value: readTensor(proto.t, at) };
    default:
      throw unsupported(`${at}: type ${AttributeType[proto.type] ?? proto.type}`);
  }
}

function writeAttribute(name: string, attribute: Attribute): AttributeProto {
  switch (attribute.kind) {
    case 'int':
      return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(attribute.value) });
    case 'float':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: attribute.value });
    case 'string':
      return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: bytesOf(attribute.value) });
    case 'ints':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.INTS,
        ints: attribute.value.map((value) => BigInt(value)),
      });
    case 'floats':
      return create(AttributeProtoSchema, { name, type: AttributeType.FLOATS, floats: [...attribute.value] });
    case 'strings':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.STRINGS,
        strings: attribute.value.map(bytesOf),
      });
    case 'tensor':
      return create(AttributeProtoSchema, {
        name,
        type: AttributeType.TENSOR,
        t: writeTensor(attribute.value, ''),
      });
  }
}

function readValueInfo(proto: ValueInfoProto): ValueInfo {
  const value = proto.type?.value;
  if (value?.case !== 'tensorType') throw unsupported(`value "${proto.name}" is not a tensor`);
  const type = tensorType(value.value.elemType, `value "${proto.name}"`);
  if (!value.value.shape) throw unsupported(`value "${proto.name}" has no shape`);
  const dims = value.value.shape.dim.map(({ value: dim }) =>
    dim.case === 'dimValue' ? Number(dim.value) : (dim.value ?? ''),
  );
  return { name: proto.name, type, dims };
}

function writeValueInfo({ name, type, dims }: ValueInfo): ValueInfoProto {
  const dim = dims.map((size) =>
    create(TensorShapeProto_DimensionSchema, {
      value:
        size === ''
          ? { case: undefined }
          : typeof size === 'string'
            ? { case: 'dimParam', value: size }
            : { case: 'dimValue', value: BigInt(size) },
    }),
  );
  const shape = create(TensorShapeProtoSchema, { dim });
  const tensorType = create(TypeProto_TensorSchema, { elemType: DATA_TYPE[type], shape });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value: tensorType } }),
  });
}
