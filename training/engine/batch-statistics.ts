// Takes the moving averages out of batch normalisation in training mode: the node then gives the batch's own statistics, which
// its gradient needs anyway, and the averages are a few numbers beside it. Same values.

import { attr } from '../../src/onnx/build.ts';
import type { Node, OnnxModel } from '../../src/onnx/model.ts';
import { scalar } from '../../src/onnx/tensor.ts';
import { number } from '../autodiff/rule.ts';

/** The same model, each such node with a momentum of 0. */
export function batchStatistics(model: OnnxModel): OnnxModel {
  const { graph } = model;
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.flatMap((node) => {
    const [y, ...running] = node.outputs;
    if (node.op !== 'BatchNormalization' || number(node, 'training_mode', 0) !== 1) return [node];
    const momentum = number(node, 'momentum', 0.9);
    const [keeps, takes] = [`${node.name}/keeps`, `${node.name}/takes`];
    initializers.set(keeps, scalar(momentum)).set(takes, scalar(1 - momentum));
    const batch = [`${node.name}/mean`, `${node.name}/variance`];
    const averages = running.flatMap((output, i) => {
      if (output === '') return [];
      const [kept, taken] = [`${output}/kept`, `${output}/taken`];
      return [
        plain('Mul', [node.inputs[3 + i]!, keeps], kept),
        plain('Mul', [batch[i]!, takes], taken),
        plain('Add', [kept, taken], output),
      ];
    });
    const attributes = { ...node.attributes, momentum: attr.float(0) };
    return [{ ...node, attributes, outputs: [y!, ...batch] }, ...averages];
  });
  return { ...model, graph: { ...graph, nodes, initializers } };
}

const plain = (op: string, inputs: readonly string[], output: string): Node => ({
  ...{ op, name: output, inputs, outputs: [output], attributes: {}, domain: '' },
});
