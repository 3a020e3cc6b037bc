// Builds ONNX graphs node by node: names values, keeps the order, refuses what was never defined.
// Knows nothing of what an operator means; shapes and types are checked by the runtime that loads the graph.

import { AttractorError } from '../errors/error.ts';
import type { Attribute, Node, OnnxModel, Tensor, TensorType, ValueInfo } from './model.ts';
import { checkTensor } from './tensor.ts';

/** Operator set of the graphs we write ourselves. */
export const OPSET = 18;
/** IR version written by default: what opset 18 was published with. */
const IR_VERSION = 8;
/** Constants up to this many elements are shared where equal. */
const SHARED_ELEMENTS = 16;

/** Attributes say their kind, since a JavaScript 1 cannot tell an int from a float. */
export const attr = {
  int: (value: number): Attribute => ({ kind: 'int', value }),
  ints: (value: readonly number[]): Attribute => ({ kind: 'ints', value: [...value] }),
  /** Rounded to float32, which is what the file holds. */
  float: (value: number): Attribute => ({ kind: 'float', value: Math.fround(value) }),
  floats: (value: readonly number[]): Attribute => ({ kind: 'floats', value: value.map(Math.fround) }),
  string: (value: string): Attribute => ({ kind: 'string', value }),
  strings: (value: readonly string[]): Attribute => ({ kind: 'strings', value: [...value] }),
  tensor: (value: Tensor): Attribute => ({ kind: 'tensor', value }),
};

export interface NodeOptions {
  /** Name of the node; its first output's name by default. */
  name?: string;
  /** Name of the one output; made from the operator's name by default. */
  output?: string;
}

export interface MultiNodeOptions {
  name?: string;
  /** How many outputs, or their names ('' leaves an optional one out). */
  outputs: number | readonly string[];
}

export interface BuildOptions {
  name: string;
  /** Version of the standard operator set; `OPSET` by default. */
  opset?: number;
  producer?: string;
  metadata?: Readonly<Record<string, string>>;
}

export class GraphBuilder {
  readonly #inputs: ValueInfo[] = [];
  readonly #outputs: ValueInfo[] = [];
  readonly #initializers = new Map<string, Tensor>();
  readonly #nodes: Node[] = [];
  readonly #values = new Set<string>();
  readonly #constants = new Map<string, string>();
  readonly #counters = new Map<string, number>();

  /** Declares a graph input and returns its name. A dimension is a number, or a name where it is free. */
  input(info: ValueInfo): string {
    this.#define(info.name);
    this.#inputs.push({ name: info.name, type: info.type, dims: [...info.dims] });
    return info.name;
  }

  /** Adds a named tensor and returns its name. Throws `onnx_invalid` where the name is taken. */
  initializer(name: string, tensor: Tensor): string {
    checkTensor(tensor, name);
    this.#define(name);
    this.#initializers.set(name, tensor);
    return name;
  }

  /** A tensor that needs no name of its own; small equal ones become one initialiser. */
  constant(tensor: Tensor): string {
    const { type, dims, data } = tensor;
    if (data.length > SHARED_ELEMENTS) return this.initializer(this.#fresh('const'), tensor);
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const key = `${type}[${dims}]${bytes.toString('hex')}`;
    const known = this.#constants.get(key);
    if (known !== undefined) return known;
    const name = this.initializer(this.#fresh('const'), tensor);
    this.#constants.set(key, name);
    return name;
  }

  /**
   * Appends a node and returns the name of its output, or of all its outputs where `outputs` is given.
   * Inputs are names of values defined before; '' leaves an optional input out. Throws `onnx_invalid` on an
   * unknown input or a taken output name.
   */
  node(
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    options?: NodeOptions,
  ): string;
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> | undefined,
    options: MultiNodeOptions,
  ): string[];
  node(
    op: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, Attribute>> = {},
    options: NodeOptions | MultiNodeOptions = {},
  ): string | string[] {
    for (const input of inputs) {
      if (input !== '' && !this.#values.has(input)) {
        throw new AttractorError('onnx_invalid', `${op} reads "${input}", which nothing before it defines`);
      }
    }
    const several = 'outputs' in options;
    const outputs = several
      ? typeof options.outputs === 'number'
        ? Array.from({ length: options.outputs }, () => this.#fresh(op))
        : [...options.outputs]
      : [options.output ?? this.#fresh(op)];
    for (const output of outputs) if (output !== '') this.#define(output);
    const name = options.name ?? outputs[0]!;
    this.#nodes.push({ op, name, inputs: [...inputs], outputs, attributes: { ...attributes }, domain: '' });
    return several ? outputs : outputs[0]!;
  }

  /** Makes a defined value a graph output. */
  output(name: string, type: TensorType, dims: readonly (number | string)[]): void {
    if (!this.#values.has(name)) {
      throw new AttractorError('onnx_invalid', `output "${name}" is not defined`);
    }
    this.#outputs.push({ name, type, dims: [...dims] });
  }

  /** The model so far. The builder can go on afterwards; what was returned does not change. */
  build(options: BuildOptions): OnnxModel {
    return {
      graph: {
        name: options.name,
        inputs: [...this.#inputs],
        outputs: [...this.#outputs],
        initializers: new Map(this.#initializers),
        nodes: [...this.#nodes],
      },
      irVersion: IR_VERSION,
      opset: options.opset ?? OPSET,
      producer: options.producer ?? 'attractor',
      metadata: { ...options.metadata },
    };
  }

  #define(name: string): void {
    if (name === '' || this.#values.has(name)) {
      throw new AttractorError(
        'onnx_invalid',
        `value "${name}" is ${name === '' ? 'unnamed' : 'defined twice'}`,
      );
    }
    this.#values.add(name);
  }

  /** A free name, counted per stem, so that equal build sequences give equal graphs. */
  #fresh(stem: string): string {
    let count = this.#counters.get(stem) ?? 0;
    while (this.#values.has(`${stem}_${count}`)) count++;
    this.#counters.set(stem, count + 1);
    return `${stem}_${count}`;
  }
}
