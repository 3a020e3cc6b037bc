// Turns a quantised TFLite image classifier into an ONNX float graph with the same weights, still 8-bit in the file.
// Knows the operators, not the particular network (inception-v3.ts). A build-time tool.
//
// TFLite computes on integers and saturates; the float graph reproduces that with a Clip at the range that each
// convolution's output can hold (for ReLU networks that Clip is the ReLU), and leaves the rounding out.
// Feature maps become NCHW, weights OHWI become OIHW.

import { AttractorError } from '../../src/errors/error.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import type { Attribute, OnnxModel } from '../../src/onnx/model.ts';
import { f32, scalar, u8 } from '../../src/onnx/tensor.ts';
import type { TfliteGraph, TfliteNode, TfliteTensor, WindowOptions } from './tflite.ts';

export interface ConvertOptions {
  readonly tflite: TfliteGraph;
  readonly name: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Shortens tensor names; they become the names of the ONNX values. */
  readonly rename: (name: string) => string;
}

/**
 * The whole classifier: input `image` float32 ['batch',3,'height','width'], holding real values as the file's
 * input quantisation defines them; output `logits` ['batch',classes]. A pool over the whole feature map becomes a
 * global one, so that other input sizes work. Throws `onnx_unsupported` on what it cannot express.
 */
export function convertClassifier(options: ConvertOptions): OnnxModel {
  const { tflite, rename } = options;
  const g = new GraphBuilder();
  const values = new Map<number, string>();
  const [input] = tflite.inputs;
  const [output] = tflite.outputs;
  if (input === undefined || output === undefined) {
    throw new AttractorError('onnx_unsupported', 'TFLite: expected one input and one output, received none');
  }
  const channels = tflite.tensors[input]!.shape[3]!;
  values.set(
    input,
    g.input({ name: 'image', type: 'float32', dims: ['batch', channels, 'height', 'width'] }),
  );
  for (const node of tflite.nodes) {
    const [target] = node.outputs as [number];
    const name = target === output ? 'logits' : rename(tflite.tensors[target]!.name);
    values.set(target, convertNode({ g, node, name, tensors: tflite.tensors, values }));
  }
  g.output(values.get(output)!, 'float32', ['batch', tflite.tensors[output]!.shape.at(-1)!]);
  return g.build({ name: options.name, ...(options.metadata ? { metadata: options.metadata } : {}) });
}

interface Conversion {
  readonly g: GraphBuilder;
  readonly node: TfliteNode;
  /** Name for the value made. */
  readonly name: string;
  readonly tensors: readonly TfliteTensor[];
  readonly values: ReadonlyMap<number, string>;
}

function convertNode(conversion: Conversion): string {
  const { g, node, name, tensors, values } = conversion;
  const first = node.inputs[0]!;
  const x = values.get(first)!;
  switch (node.op) {
    case 'conv':
      return convertConv(conversion, node.options);
    case 'max-pool':
    case 'average-pool': {
      const { options } = node;
      const [, height, width] = tensors[first]!.shape;
      const whole =
        options.padding === 'VALID' && options.window[0] === height && options.window[1] === width;
      if (node.op === 'average-pool' && whole) {
        return g.node('GlobalAveragePool', [x], {}, { output: name });
      }
      // TFLite averages over the pixels inside the image only; that is ONNX's count_include_pad = 0.
      const op = node.op === 'max-pool' ? 'MaxPool' : 'AveragePool';
      const attributes = { kernel_shape: attr.ints(options.window), ...placement(options, options.window) };
      return g.node(op, [x], attributes, { output: name });
    }
    case 'concat': {
      if (node.options.axis !== 3) throw unsupported(name, `concatenation along axis ${node.options.axis}`);
      const [, ceiling] = range(tensors[node.outputs[0]!]!);
      if (node.inputs.some((index) => range(tensors[index]!)[1] > ceiling)) {
        throw unsupported(name, 'a concatenation that saturates');
      }
      const parts = node.inputs.map((index) => values.get(index)!);
      return g.node('Concat', parts, { axis: attr.int(1) }, { output: name });
    }
    case 'reshape':
      return g.node('Flatten', [x], { axis: attr.int(1) }, { output: name });
    case 'softmax':
      return g.node('Softmax', [x], { axis: attr.int(-1) }, { output: name });
  }
}

function convertConv(conversion: Conversion, options: WindowOptions): string {
  const { g, node, name, tensors, values } = conversion;
  const [image, weights, bias] = node.inputs.map((index) => tensors[index]!) as [
    TfliteTensor,
    TfliteTensor,
    TfliteTensor,
  ];
  if (!weights.quantisation || weights.type !== 'uint8')
    throw unsupported(name, `weights of type ${weights.type}`);
  if (!image.quantisation || bias.type !== 'int32') throw unsupported(name, `a bias of type ${bias.type}`);
  const [out, height, width, depth] = weights.shape as [number, number, number, number];
  const stem = name.replace(/\/[^/]+$/, '');
  const kernel = g.node(
    'DequantizeLinear',
    [
      g.initializer(`${stem}/weights_u8`, u8([out, depth, height, width], toOihw(weights))),
      g.constant(scalar(weights.quantisation.scale)),
      g.constant(u8([], Uint8Array.of(weights.quantisation.zeroPoint))),
    ],
    {},
    { output: `${stem}/weights` },
  );
  const shift = g.initializer(
    `${stem}/bias`,
    f32([out], biasOf(bias, image.quantisation.scale * weights.quantisation.scale)),
  );
  const attributes = { kernel_shape: attr.ints([height, width]), ...placement(options, [height, width]) };
  const sum = g.node('Conv', [values.get(node.inputs[0]!)!, kernel, shift], attributes, {
    output: `${stem}/conv`,
  });
  const [low, high] = range(tensors[node.outputs[0]!]!);
  const floor = options.activation === 'none' ? low : Math.max(low, 0);
  const ceiling = options.activation === 'relu6' ? Math.min(high, 6) : high;
  return g.node('Clip', [sum, g.constant(scalar(floor)), g.constant(scalar(ceiling))], {}, { output: name });
}

/** Strides and padding. With stride 1 and an odd window, SAME is the same on every image size, and symmetric. */
function placement(options: WindowOptions, window: readonly [number, number]): Record<string, Attribute> {
  const strides = attr.ints(options.strides);
  if (options.padding === 'VALID') return { strides };
  const fixed = options.strides.every((stride) => stride === 1) && window.every((side) => side % 2 === 1);
  if (!fixed) return { strides, auto_pad: attr.string('SAME_UPPER') };
  const pads = window.map((side) => (side - 1) / 2);
  return { strides, pads: attr.ints([...pads, ...pads]) };
}

/** The real values that a quantised tensor can hold. */
function range(tensor: TfliteTensor): [number, number] {
  if (!tensor.quantisation) throw unsupported(tensor.name, 'an activation without quantisation range');
  const { scale, zeroPoint } = tensor.quantisation;
  return [(0 - zeroPoint) * scale, (255 - zeroPoint) * scale];
}

function toOihw(weights: TfliteTensor): Uint8Array {
  const [out, height, width, depth] = weights.shape as [number, number, number, number];
  const area = height * width;
  const moved = new Uint8Array(weights.data.length);
  for (let o = 0; o < out; o++) {
    for (let at = 0; at < area; at++) {
      for (let i = 0; i < depth; i++) {
        moved[(o * depth + i) * area + at] = weights.data[(o * area + at) * depth + i]!;
      }
    }
  }
  return moved;
}

/** TFLite's bias is in units of (input scale * weight scale), which its own scale repeats. */
function biasOf(bias: TfliteTensor, unit: number): Float32Array {
  const { buffer, byteOffset, byteLength } = bias.data;
  const quantised = new DataView(buffer, byteOffset, byteLength);
  return Float32Array.from({ length: byteLength / 4 }, (_, i) => quantised.getInt32(4 * i, true) * unit);
}

const unsupported = (name: string, what: string) =>
  new AttractorError('onnx_unsupported', `TFLite: "${name}": ${what} cannot be converted`);
