// Where a backbone can be cut: values that everything on the way from the image to the output flows through, and the blocks
// between them. Reads the graph only; the cutting itself is suffix.ts.

import { invalid } from '../../src/errors/error.ts';
import type { Graph, Node } from '../../src/onnx/model.ts';
import { constantsOf, isLayer, roughSizes, weightsOf } from './trainable.ts';

export interface Block {
  /** The value that the block begins with: cut here and the block is the first that is trained. */
  readonly from: string;
  /** Names of its nodes with weights, in order. */
  readonly weighted: readonly string[];
}

/**
 * Blocks in order, the first from the graph's input: the shortest pieces with weights between two values that everything
 * flows through. An Inception block, a residual block, or a single layer of a plain chain; what is no layer of its own (pooling,
 * an activation, a bias, a scale) belongs to the block before it.
 */
export function blocksOf(graph: Graph): readonly Block[] {
  const nodes = onTheWay(graph);
  const sizeOf = roughSizes(graph);
  const lastUse = new Map<string, number>();
  for (const [i, node] of nodes.entries()) for (const name of node.inputs) lastUse.set(name, i);
  lastUse.set(graph.outputs[0]!.name, nodes.length);

  const input = graph.inputs[0]!.name;
  const blocks: (Block & { weighted: string[] })[] = [];
  let cut = input;
  let weighted: string[] = [];
  let founds = false;
  const live = new Set([input]);
  for (const [i, node] of nodes.entries()) {
    if (weightsOf(node, sizeOf).length > 0) {
      weighted.push(node.name);
      founds ||= isLayer(node);
    }
    for (const name of node.outputs) if (lastUse.has(name)) live.add(name);
    for (const name of node.inputs) if (lastUse.get(name) === i) live.delete(name);
    if (live.size !== 1) continue;
    // Everything before this node and after it meets in one value.
    const [value] = live;
    if (founds) blocks.push({ from: cut, weighted });
    else blocks.at(-1)?.weighted.push(...weighted);
    if (founds || blocks.length > 0) weighted = [];
    founds = false;
    cut = value!;
  }
  return blocks;
}

/**
 * The value to cut at for what `--train` says: `last:<number of blocks>`, `last:<block, node or value>` (that one is trained,
 * and all behind it) or `all`. Throws `invalid_argument`, naming what there is.
 */
export function cutFor(train: string, graph: Graph): string {
  const blocks = blocksOf(graph);
  if (blocks.length === 0) throw invalid('train', 'a backbone with weights', graph.name);
  if (train === 'all') return graph.inputs[0]!.name;
  const wanted = train.startsWith('last:') ? train.slice('last:'.length) : '';
  if (/^\d+$/.test(wanted)) {
    const count = Number(wanted);
    if (count < 1 || count > blocks.length) {
      throw invalid('train', `last:1 to last:${blocks.length} for this backbone`, train);
    }
    return blocks[blocks.length - count]!.from;
  }
  const byName = blocks.find(({ from }) => from === wanted);
  if (byName) return byName.from;
  const containing = blocks.findLast(({ weighted }) =>
    weighted.some((name) => name === wanted || name.startsWith(`${wanted}/`)),
  );
  if (wanted !== '' && containing) return containing.from;
  const tail = blocks.slice(-4).map(({ from }) => from);
  throw invalid(
    'train',
    `head, all, last:<1 to ${blocks.length}> or last:<name> of a node or a value to begin at (the last ones: ${tail.join(', ')})`,
    train,
  );
}

/** Nodes that compute with the image's numbers and that the output depends on, in order. */
function onTheWay(graph: Graph): Node[] {
  const { computed, shapes } = constantsOf(graph);
  const needed = new Set(graph.outputs.map(({ name }) => name));
  const kept = graph.nodes.toReversed().filter((node) => {
    if (!node.outputs.some((name) => needed.has(name))) return false;
    if (node.outputs.some((name) => computed.has(name) || shapes.has(name))) return false;
    for (const name of node.inputs) needed.add(name);
    return true;
  });
  return kept.reverse();
}
