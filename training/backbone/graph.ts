// The two ends of a network from elsewhere as models here have them: a batch of RGB planes in, one row for each image out. Edits
// the graph; runs nothing.

import { AttractorError } from '../../src/errors/error.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { cutGraph, joinGraphs } from '../../src/onnx/edit.ts';
import type { OnnxModel, ValueInfo } from '../../src/onnx/model.ts';
import { type Rows, toFront } from '../finetune/probe.ts';

export const EMBEDDING = 'embedding';

export const unsupported = (message: string) => new AttractorError('onnx_unsupported', message);

/** With one input, [batch, 3, height, width]: where pixels come with their channels last, they are turned first. */
export function fromImages(model: OnnxModel): OnnxModel {
  const [input, ...others] = model.graph.inputs;
  const said = model.graph.inputs.map(({ name, type, dims }) => `"${name}" ${type} [${dims}]`).join(', ');
  if (!input || others.length > 0 || input.type !== 'float32' || input.dims.length !== 4) {
    throw unsupported(
      `graph input: expected one, float32 [batch,3,height,width], received ${said || 'none'}`,
    );
  }
  const [, a, b, c] = input.dims;
  if (c === 3 && a !== 3) {
    const turn = new GraphBuilder();
    const image = turn.input({ name: `${input.name}/planes`, type: 'float32', dims: ['batch', 3, b!, a!] });
    const output = turn.node('Transpose', [image], { perm: attr.ints([0, 2, 3, 1]) });
    turn.output(output, 'float32', ['batch', a!, b!, 3]);
    const first = turn.build({ name: model.graph.name, opset: model.opset });
    return freeBatch(joinGraphs({ first, second: freeBatch(model) }));
  }
  if (typeof a === 'number' && a !== 3) {
    throw unsupported(`graph input: expected 3 channels, received ${said}`);
  }
  return freeBatch(model);
}

function freeBatch(model: OnnxModel): OnnxModel {
  const [input] = model.graph.inputs;
  const dims = ['batch', ...input!.dims.slice(1)];
  return { ...model, graph: { ...model.graph, inputs: [{ ...input!, dims }] } };
}

/** Ends in [batch, dimension], whatever there is for each place or token. */
export function pooled(
  model: OnnxModel,
  tap: string,
  rows: Rows,
  pool: 'mean' | 'first' | undefined,
): OnnxModel {
  const { dims } = rows;
  const output: ValueInfo = {
    name: tap,
    type: 'float32',
    dims: [...dims.slice(0, rows.axis), 'batch', ...dims.slice(rows.axis)],
  };
  const builder = new GraphBuilder();
  const raw = builder.input({ ...output, name: 'value' });
  const value = rows.axis === 0 ? raw : builder.node('Transpose', [raw], { perm: attr.ints(toFront(rows)) });
  const flat = (of: string) => builder.node('Flatten', [of], { axis: attr.int(1) }, { output: EMBEDDING });
  let dimension: number;
  if (dims.length === 1) {
    dimension = dims[0]!;
    builder.node('Identity', [value], {}, { output: EMBEDDING });
  } else if (dims.length === 3 && pool !== 'first') {
    dimension = dims[0]!;
    flat(builder.node('GlobalAveragePool', [value]));
  } else if (dims.length === 2) {
    dimension = dims[1]!;
    const tokens = builder.node('Transpose', [value], { perm: attr.ints([0, 2, 1]) });
    const first = builder.constant({ type: 'int64', dims: [1], data: BigInt64Array.of(0n) });
    flat(
      pool === 'mean'
        ? builder.node('GlobalAveragePool', [tokens])
        : builder.node('Gather', [tokens, first], { axis: attr.int(2) }),
    );
  } else {
    throw unsupported(
      `output "${tap}": expected [batch,numbers], [batch,tokens,numbers] or [batch,channels,rows,columns], received [${output.dims}]`,
    );
  }
  builder.output(EMBEDDING, 'float32', ['batch', dimension]);
  const { name } = model.graph;
  const second = builder.build({ name, opset: model.opset });
  return joinGraphs({ first: cutGraph({ model, outputs: [output] }), second });
}
