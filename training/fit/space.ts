// The space that heads are fitted in: the features' leading principal components. Fitting in 512 instead of 2048 dimensions
// is faster, and covariances of some hundred classes do not say more.

import { gatherRows } from '../../src/math/gather.ts';
import { classScatter, type Scatter } from '../baselines/discriminant.ts';
import { fold, type LinearMap, normaliseRows, project } from '../baselines/linear-map.ts';
import type { Matmul } from '../baselines/matmul.ts';
import { fitPca, type Pca } from '../baselines/pca.ts';
import { type Judged, scoreEmbeddings } from '../report/scores.ts';

/** Rows of features with their classes. */
export interface Labelled {
  /** [labels.length, inputs], unit rows. */
  readonly features: Float32Array;
  readonly labels: readonly string[];
  /** Where each row comes from: it is judged by finding rows from elsewhere. */
  readonly sources?: readonly string[];
  /** The same rows seen in other ways: augmented images, in the same shape. Only trained heads use them. */
  readonly views?: readonly Float32Array[];
}

export interface Space {
  readonly pca: Pca;
  /** Components, at most 512. */
  readonly dimension: number;
  /** The rows that the space was fitted on, [labels.length, dimension], mean zero. */
  readonly rows: Float32Array;
  /** Their other views, in the same shape. */
  readonly views: readonly Float32Array[];
  readonly labels: readonly string[];
  readonly scatter: Scatter;
}

/** A projection [space.dimension, outputs]: what is fitted in a space, and folded onto the features at the end. */
export interface Projection {
  readonly outputs: number;
  readonly data: Float32Array;
}

/** Without other views, which only rows that are trained on need. */
export function pickRows(data: Labelled, rows: readonly number[], inputs: number): Labelled {
  const { features, labels, sources } = data;
  return {
    features: gatherRows(features, rows, inputs),
    labels: rows.map((row) => labels[row]!),
    sources: sources && rows.map((row) => sources[row]!),
  };
}

/** With their views. */
export function pickTraining(data: Labelled, rows: readonly number[], inputs: number): Labelled {
  const views = data.views?.map((view) => gatherRows(view, rows, inputs));
  return { ...pickRows(data, rows, inputs), views };
}

const COMPONENTS = 512;

/** The longest embedding that so many rows of features give. */
export const longestOf = (rows: number, inputs: number) => Math.min(COMPONENTS, inputs, rows - 1);

/** The components of `features`, [N, inputs]: the expensive part of a space, and the one that sees no label. */
export async function fitComponents(options: {
  features: Float32Array;
  inputs: number;
  matmul: Matmul;
}): Promise<Pca> {
  const { features, inputs } = options;
  return fitPca({ ...options, outputs: longestOf(features.length / inputs, inputs) });
}

/** `pca`: components that are known already, of these rows or of more of their kind. */
export async function openSpace(options: {
  data: Labelled;
  inputs: number;
  matmul: Matmul;
  pca?: Pca;
}): Promise<Space> {
  const { data, inputs, matmul } = options;
  const { features, labels } = data;
  const pca = options.pca ?? (await fitComponents({ features, inputs, matmul }));
  const dimension = pca.outputs;
  const rows = await project({ map: pca, features, matmul });
  const views: Float32Array[] = [];
  for (const view of data.views ?? []) views.push(await project({ map: pca, features: view, matmul }));
  const scatter = await classScatter({ rows, dimension, labels, matmul });
  return { pca, dimension, rows, views, labels, scatter };
}

/** The leading components themselves: PCA as a head, and a start for training. */
export function leadingComponents(space: Space, outputs: number): Projection {
  const data = new Float32Array(space.dimension * outputs);
  for (let i = 0; i < outputs; i++) data[i * outputs + i] = 1;
  return { outputs, data };
}

export async function toMap(space: Space, { outputs, data }: Projection, matmul: Matmul): Promise<LinearMap> {
  return fold({ subspace: space.pca, projection: data, outputs, matmul });
}

export type Judge = (projection: Projection) => Promise<Judged>;

/** Judges projections on rows that the space was not fitted on. */
export async function createJudge(options: {
  space: Space;
  data: Labelled;
  matmul: Matmul;
  signal?: AbortSignal;
}): Promise<Judge> {
  const { space, data, matmul, signal } = options;
  const { labels, sources } = data;
  const held = {
    data: await project({ map: space.pca, features: data.features, matmul }),
    rows: labels.length,
    columns: space.dimension,
  };
  return async ({ outputs, data: projection }) => {
    const product = await matmul.multiply(held, {
      data: projection,
      rows: space.dimension,
      columns: outputs,
    });
    const embeddings = normaliseRows(product, outputs);
    return scoreEmbeddings({
      ...{ embeddings, labels, sources, dimension: outputs, scores: matmul.scores, signal },
    });
  };
}
