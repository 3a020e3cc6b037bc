// Turns a float graph whose convolutions carry 8-bit weights and a Clip at their output's range into its 8-bit (QDQ) form:
// QuantizeLinear and DequantizeLinear around each convolution, which runtimes fuse into integer kernels. The ranges are
// the graph's own (scripts/backbone/convert.ts leaves them there): nothing is calibrated. Not a general quantiser.

import { AttractorError } from '../errors/error.ts';
import { attr } from './build.ts';
import type { Attribute, Node, OnnxModel, Tensor } from './model.ts';
import { scalar, u8 } from './tensor.ts';

/** The real values that a value's 256 steps span. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

/** Operators that move 8-bit values, or average them, within the range they come in. */
const SAME_RANGE = ['MaxPool', 'AveragePool'];
/** Weights are stored as unsigned bytes; the fast integer kernels of x86 multiply unsigned by signed ones. */
const SIGN = 128;

/**
 * The 8-bit form of `model`: inputs, outputs and the names of values stay. `input` is the range of the graph's one
 * input. A convolution is converted where its weights stand behind a DequantizeLinear of uint8 with one scale and its
 * output goes into a Clip with constant bounds alone; pools and concatenations between such convolutions become 8-bit as
 * well, everything else stays float. Throws `onnx_unsupported` where there is no such convolution.
 */
export function quantiseGraph(options: { model: OnnxModel; input: Range }): OnnxModel {
  const { model, input } = options;
  const plan = planOf(model, input);
  if (plan.convolutions.size === 0) {
    const message = `quantise: "${model.graph.name}": expected convolutions with 8-bit weights and a Clip behind each, received none`;
    throw new AttractorError('onnx_unsupported', message, { field: 'precision' });
  }
  return new Quantiser(model, plan).run();
}

interface Convolution {
  readonly weights: Tensor;
  readonly scale: number;
  readonly zeroPoint: number;
  readonly bias: Tensor | undefined;
  /** The value that the Clip makes. */
  readonly output: string;
}

interface Plan {
  /** By the name of their own output. */
  readonly convolutions: ReadonlyMap<string, Convolution>;
  /** Of every value that can be 8-bit. */
  readonly ranges: ReadonlyMap<string, Range>;
  /** Values that end, through pools and concatenations, in a convolution: only these are worth their 8-bit form. */
  readonly wanted: ReadonlySet<string>;
}

function planOf({ graph }: OnnxModel, input: Range): Plan {
  const [entry] = graph.inputs;
  const ranges = new Map<string, Range>(entry ? [[entry.name, input]] : []);
  const convolutions = new Map<string, Convolution>();
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node])));
  const uses = new Map<string, number>();
  for (const name of graph.nodes.flatMap((node) => node.inputs)) uses.set(name, (uses.get(name) ?? 0) + 1);
  for (const { name } of graph.outputs) uses.set(name, (uses.get(name) ?? 0) + 1);
  const number = (name: string | undefined) => {
    const tensor = name === undefined ? undefined : graph.initializers.get(name);
    return tensor?.data.length === 1 ? Number(tensor.data[0]) : undefined;
  };

  const convolution = (clip: Node): Omit<Convolution, 'output'> | undefined => {
    const conv = makers.get(clip.inputs[0]!);
    if (conv?.op !== 'Conv' || uses.get(conv.outputs[0]!) !== 1 || !ranges.has(conv.inputs[0]!))
      return undefined;
    const kernel = makers.get(conv.inputs[1]!);
    if (kernel?.op !== 'DequantizeLinear') return undefined;
    const weights = graph.initializers.get(kernel.inputs[0]!);
    const [scale, zeroPoint] = [number(kernel.inputs[1]), number(kernel.inputs[2])];
    const bias = conv.inputs[2] === undefined ? undefined : graph.initializers.get(conv.inputs[2]);
    if (weights?.type !== 'uint8' || scale === undefined || zeroPoint === undefined) return undefined;
    if (conv.inputs[2] !== undefined && bias?.type !== 'float32') return undefined;
    return { weights, scale, zeroPoint, bias };
  };

  for (const node of graph.nodes) {
    const output = node.outputs[0]!;
    const parts = node.inputs.map((name) => ranges.get(name));
    if (node.op === 'Clip') {
      const [low, high] = [number(node.inputs[1]), number(node.inputs[2])];
      const found = convolution(node);
      if (!found || low === undefined || high === undefined || !(low <= 0 && high > 0)) continue;
      ranges.set(output, { low, high });
      convolutions.set(node.inputs[0]!, { ...found, output });
    } else if (SAME_RANGE.includes(node.op) && parts[0]) {
      ranges.set(output, parts[0]);
    } else if (node.op === 'Concat' && parts.every((part) => part !== undefined)) {
      const low = Math.min(...parts.map((part) => part.low));
      ranges.set(output, { low, high: Math.max(...parts.map((part) => part.high)) });
    }
  }

  const wanted = new Set<string>();
  for (const node of [...graph.nodes].reverse()) {
    const ends = node.op === 'Conv' && convolutions.has(node.outputs[0]!);
    const passes = ranges.has(node.outputs[0]!) && wanted.has(node.outputs[0]!) && node.op !== 'Clip';
    if (ends) wanted.add(node.inputs[0]!);
    if (passes) for (const name of node.inputs) wanted.add(name);
  }
  return { convolutions, ranges, wanted };
}

class Quantiser {
  readonly #model: OnnxModel;
  readonly #plan: Plan;
  readonly #initializers: Map<string, Tensor>;
  readonly #nodes: Node[] = [];
  /** The 8-bit form's name, where a value has one. */
  readonly #renamed = new Map<string, string>();

  constructor(model: OnnxModel, plan: Plan) {
    this.#model = model;
    this.#plan = plan;
    this.#initializers = new Map(model.graph.initializers);
  }

  run(): OnnxModel {
    const { graph } = this.#model;
    const { convolutions, ranges, wanted } = this.#plan;
    const clips = new Set([...convolutions.values()].map(({ output }) => output));
    for (const { name } of graph.inputs)
      if (wanted.has(name)) this.#renamed.set(name, this.#steps(name, `${name}/8bit`));
    for (const node of graph.nodes) {
      const output = node.outputs[0]!;
      const conv = convolutions.get(output);
      if (node.op === 'Conv' && conv) this.#convolve(node, conv);
      else if (clips.has(output))
        continue; // saturation does the same
      else if (node.op === 'AveragePool' && wanted.has(output) && ranges.has(output)) this.#average(node);
      else if (wanted.has(output) && ranges.has(output)) {
        this.#nodes.push({ ...this.#read(node), outputs: [`${output}/float`] });
        this.#steps(`${output}/float`, output, ranges.get(output)!);
      } else this.#nodes.push(this.#read(node));
    }
    return {
      ...this.#model,
      graph: { ...graph, ...this.#used() },
    };
  }

  /** The convolution on DequantizeLinear of bytes everywhere, its output through QuantizeLinear. */
  #convolve(node: Node, { weights, scale, zeroPoint, bias, output }: Convolution): void {
    const stem = node.outputs[0]!;
    const image = this.#plan.ranges.get(node.inputs[0]!)!;
    const data = new Int8Array(weights.data.length);
    for (let i = 0; i < data.length; i++) data[i] = Number(weights.data[i]) - SIGN;
    this.#initializers.set(`${stem}/weights_s8`, { type: 'int8', dims: weights.dims, data });
    // Not shared: onnxruntime rewrites it where a CPU wants unsigned weights, and rewrites each only once.
    const zero = `${stem}/weights_zero`;
    this.#initializers.set(zero, { type: 'int8', dims: [], data: Int8Array.of(zeroPoint - SIGN) });
    const by = [this.#constant(scalar(scale)), zero];
    const kernel = this.#dequantise(`${stem}/weights_s8`, `${stem}/kernel`, by);
    const inputs = [this.#renamed.get(node.inputs[0]!) ?? node.inputs[0]!, kernel];
    if (bias) {
      const unit = Math.fround(stepOf(image) * scale);
      const whole = Int32Array.from(bias.data as Float32Array, (value) => Math.round(value / unit));
      this.#initializers.set(`${stem}/bias_s32`, { type: 'int32', dims: bias.dims, data: whole });
      inputs.push(this.#dequantise(`${stem}/bias_s32`, `${stem}/shift`, [this.#constant(scalar(unit))]));
    }
    this.#nodes.push({ ...node, inputs });
    this.#steps(stem, output);
  }

  /**
   * The mean of the bytes themselves, which is the byte of the mean: onnxruntime's own 8-bit average takes as long as half
   * the convolutions (5.9 of 16 ms for Inception V3), the float one a tenth of that.
   */
  #average(node: Node): void {
    const output = node.outputs[0]!;
    const range = this.#plan.ranges.get(output)!;
    const [step, zero] = this.#scaleOf(range);
    const image = this.#renamed.get(node.inputs[0]!) ?? node.inputs[0]!;
    this.#node('Cast', [`${image}/u8`], `${output}/in`, { to: attr.int(1) });
    this.#nodes.push({ ...node, inputs: [`${output}/in`], outputs: [`${output}/mean`] });
    const whole = [this.#constant(scalar(1)), this.#constant(u8([], Uint8Array.of(0)))];
    this.#node('QuantizeLinear', [`${output}/mean`, ...whole], `${output}/u8`);
    this.#dequantise(`${output}/u8`, output, [step, zero]);
  }

  /** `value` through QuantizeLinear and DequantizeLinear in its range, named `output`. */
  #steps(
    value: string,
    output: string,
    range = this.#plan.ranges.get(output) ?? this.#plan.ranges.get(value)!,
  ): string {
    const by = this.#scaleOf(range);
    const bytes = `${output}/u8`;
    this.#node('QuantizeLinear', [value, ...by], bytes);
    return this.#dequantise(bytes, output, by);
  }

  /** Names of scale and zero point. */
  #scaleOf(range: Range): [string, string] {
    const step = stepOf(range);
    const zeroPoint = Math.min(255, Math.max(0, Math.round(-range.low / step)));
    return [this.#constant(scalar(step)), this.#constant(u8([], Uint8Array.of(zeroPoint)))];
  }

  #dequantise(bytes: string, output: string, by: readonly string[]): string {
    this.#node('DequantizeLinear', [bytes, ...by], output);
    return output;
  }

  #node(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes: Record<string, Attribute> = {},
  ): void {
    this.#nodes.push({ op, name: `${op}/${output}`, inputs, outputs: [output], attributes, domain: '' });
  }

  #read(node: Node): Node {
    return { ...node, inputs: node.inputs.map((name) => this.#renamed.get(name) ?? name) };
  }

  #constant(tensor: Tensor): string {
    const { type, data } = tensor;
    const name = `8bit/${type}_${Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('hex')}`;
    this.#initializers.set(name, tensor);
    return name;
  }

  /** What an output still needs: the float weights' nodes and tensors go. */
  #used(): { nodes: Node[]; initializers: Map<string, Tensor> } {
    const used = new Set(this.#model.graph.outputs.map(({ name }) => name));
    const nodes = this.#nodes
      .reverse()
      .filter((node) => {
        if (!node.outputs.some((output) => used.has(output))) return false;
        for (const name of node.inputs) used.add(name);
        return true;
      })
      .reverse();
    return { nodes, initializers: new Map([...this.#initializers].filter(([name]) => used.has(name))) };
  }
}

/** As float32, as the file holds it. */
const stepOf = ({ low, high }: Range): number => Math.fround((high - low) / 255);
