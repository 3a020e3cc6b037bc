// What a person looks at: for some queries of the unseen classes their nearest neighbours under the winner, and a map of some
// classes. Plain data; the page is report.ts's.

import { UMAP } from 'umap-js';
import { createRng } from '../../src/math/rng.ts';
import { nearestRows } from '../audit/neighbours.ts';
import { embed } from '../baselines/linear-map.ts';
import type { Matmul } from '../baselines/matmul.ts';
import { pickRows } from '../fit/space.ts';
import type { Prepared } from '../prepare.ts';
import type { RunCell } from './cell.ts';

export interface Look {
  readonly method: string;
  readonly queries: readonly {
    readonly image: string;
    readonly label: string;
    readonly kind: 'worst' | 'random';
    readonly neighbours: readonly { readonly image: string; readonly label: string }[];
  }[];
  /** Two numbers and a class for each image of some classes. */
  readonly map: readonly { readonly x: number; readonly y: number; readonly label: string }[];
}

const NEIGHBOURS = 5;
const QUERIES = 6;
const CLASSES = 20;

export async function lookAt(options: {
  cell: RunCell;
  set: Prepared;
  inputs: number;
  matmul: Matmul;
}): Promise<Look> {
  const { cell, set, inputs, matmul } = options;
  const { winner: method } = cell.fit;
  const { map } = cell.fit.heads.find((head) => head.method === method)!;
  const unseen = pickRows(set.data, cell.unseen, inputs);
  const embeddings = await embed({ map, features: unseen.features, matmul });
  const dimension = map.outputs;
  const all = [...unseen.labels.keys()];
  const near = await nearestRows({
    embeddings,
    dimension,
    rows: all,
    count: NEIGHBOURS,
    matmul,
    sources: unseen.sources,
  });
  const misses = (row: number) =>
    near[row]!.filter((other) => unseen.labels[other] !== unseen.labels[row]).length;
  const rng = createRng(1);
  const shuffled = rng.shuffle([...all]);
  const worst = [...shuffled].sort((a, b) => misses(b) - misses(a)).slice(0, QUERIES);
  const random = shuffled.filter((row) => !worst.includes(row)).slice(0, QUERIES);
  const image = (row: number) => set.rows[cell.unseen[row]!]!.image;
  const query = (kind: 'worst' | 'random') => (row: number) => ({
    ...{ kind, image: image(row), label: unseen.labels[row]! },
    neighbours: near[row]!.map((other) => ({ image: image(other), label: unseen.labels[other]! })),
  });
  return {
    method,
    queries: [...worst.map(query('worst')), ...random.map(query('random'))],
    map: flatten(embeddings, dimension, unseen.labels),
  };
}

/** UMAP (McInnes et al. 2018) of the first classes, on cosine distance: rows are of unit length. */
function flatten(embeddings: Float32Array, dimension: number, labels: readonly string[]): Look['map'] {
  const shown = new Set([...new Set(labels)].slice(0, CLASSES));
  const rows = [...labels.keys()].filter((row) => shown.has(labels[row]!));
  const points = rows.map((row) => Array.from(embeddings.subarray(row * dimension, (row + 1) * dimension)));
  const rng = createRng(2);
  const nNeighbors = Math.min(10, rows.length - 1);
  const flat = new UMAP({ nNeighbors, minDist: 0.2, random: () => rng.next() }).fit(points);
  return rows.map((row, i) => ({ x: flat[i]![0]!, y: flat[i]![1]!, label: labels[row]! }));
}
