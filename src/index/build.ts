// What building a graph takes: how much memory, here and in the process that builds it.

import { GraphMemory } from '../math/graph-memory.ts';
import type { GraphShape } from './graph.ts';

/** Of hnswlib per node beside its links and vector: label, list heads, locks, its place in the table of labels. */
const NODE_BYTES = 120;

/** Bytes for a graph of so many nodes: `served` in the process that searches it, `building` in the one that builds it. */
export function graphBytes(options: { shape: GraphShape; rows: number }): {
  served: number;
  building: number;
} {
  const { shape, rows } = options;
  const { m, dimension } = shape;
  // One node in m has a layer above the first, one in m^2 two.
  const upperBytes = Math.ceil((rows / (m - 1)) * (4 + 4 * m));
  const links = rows * (4 + 8 * m) + upperBytes;
  return {
    served: GraphMemory.bytes({ dimension, m, nodes: rows, upperBytes }),
    building: links + rows * (4 * dimension + NODE_BYTES),
  };
}
