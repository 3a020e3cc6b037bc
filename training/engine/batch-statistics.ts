// Takes the moving averages out of batch normalisation in training mode: the node then gives the batch's own statistics, which
// its gradient needs anyway, and the averages are a few numbers beside it. Same values.

import { attr } from '../../src/onnx/build.ts';
import type { Node, OnnxModel } from '../../src/onnx/model.ts';
import { scalar } from '../../src/onnx/tensor.ts';
import { number } from '../autodiff/rule.ts';

/**
 * The same model, each such node with a momentum of 0. onnxruntime lets it write its statistics over the two running ones that it
 * reads, a caller's arrays or not, unless they are outputs of the graph: it gets others, whose values do not matter.
 */
export function batchStatistics(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.flatMap((node) => {
    if (node.op !== 'BatchNormalization' || number(node, 'training_mode', 0) !== 1) return [node];
    const momentum = number(node, 'momentum', 0.9);
    const [keeps, takes] = [`${node.name}/keeps`, `${node.name}/takes`];
    initializers.set(keeps, scalar(momentum)).set(takes, scalar(1 - momentum));
    const [y, ...running] = node.outputs;
    const old = node.inputs.slice(3);
    const batch = [`${node.name}/mean`, `${node.name}/variance`];
    const scratch = batch.map((name) => `${name}/scratch`);
    const averages = running.flatMap((output, i) => {
      if (output === '') return [];
      const [kept, taken] = [`${output}/kept`, `${output}/taken`];
      return [
        plain('Mul', [old[i]!, keeps], kept),
        plain('Mul', [batch[i]!, takes], taken),
        plain('Add', [kept, taken], output),
      ];
    });
    return [
      ...scratch.map((name, i) => plain('Mul', [old[i]!, takes], name)),
      {
        ...node,
        inputs: [...node.inputs.slice(0, 3), ...scratch],
        outputs: [y!, ...batch],
        attributes: { ...node.attributes, momentum: attr.float(0) },
      },
      ...averages,
    ];
  });
  return { ...model, graph: { ...graph, nodes, initializers } };
}

const plain = (op: string, inputs: readonly string[], output: string): Node => ({
  ...{ op, name: output, inputs, outputs: [output], attributes: {}, domain: '' },
});
