// What building a graph takes: how much memory, here and in the process that builds it.

import { Copies, linkBytes } from '../math/copies.ts';
import type { GraphShape } from './graph.ts';

/** Of hnswlib per node beside its links and vector: label, list heads, locks, its place in the table of labels. */
const NODE_BYTES = 120;

/**
 * Bytes for a graph of so many nodes, at most: `copies` is the memory that a walk needs with the copies that are there already,
 * `served` what it adds to them; both stand side by side for a moment. `building` is for the process that builds it.
 */
export function graphBytes(options: { shape: GraphShape; rows: number }): {
  copies: number;
  served: number;
  building: number;
} {
  const { shape, rows } = options;
  const { m, dimension } = shape;
  // One node in m has a layer above the first, one in m^2 two.
  const upper = Math.ceil(rows / (m - 1));
  const ofLayer = (links: number) => linkBytes([{ length: links }], rows);
  const links = { m, nodes: rows, bytes: rows * ofLayer(2 * m) + upper * ofLayer(m) };
  return {
    copies: Copies.bytes({ dimension, count: rows, links }),
    served: Copies.bytes({ dimension, count: 0, links }),
    building: rows * (4 + 8 * m + 4 * dimension + NODE_BYTES) + upper * (4 + 4 * m),
  };
}
