// From what was trained to a model folder: head on backbone, as it was or fine-tuned, in one graph, checked against the trainer
// on real images before anything is written.

import { readFile } from 'node:fs/promises';
import type { DatasetRow } from '../../src/dataset/row.ts';
import { invalid } from '../../src/errors/error.ts';
import { composeGraph } from '../../src/model/compose.ts';
import type { LoadedModel } from '../../src/model/load.ts';
import type { ModelManifest } from '../../src/model/manifest.ts';
import { saveModel } from '../../src/model/save.ts';
import { decodeModel } from '../../src/onnx/codec.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import type { LinearMap } from '../baselines/linear-map.ts';
import { headGraph } from './head.ts';
import { checkParity, type Parity } from './parity.ts';

export interface ExportOptions {
  readonly directory: string;
  readonly name: string;
  readonly backbone: LoadedModel;
  /** The backbone's graph with trained weights (`fineTune().graph`), which takes the place of its own. */
  readonly tuned?: OnnxModel;
  readonly map: LinearMap;
  /** Images to check the graph on, with the trainer's embeddings of them, [check.rows.length, map.outputs]. */
  readonly check: { readonly rows: readonly DatasetRow[]; readonly embeddings: Float32Array };
  /** True: the folder holds the head and a reference to the backbone's folder. Default: one whole graph. */
  readonly linkBackbone?: boolean;
  readonly provenance: ModelManifest['provenance'];
  readonly quality: ModelManifest['quality'];
  /** The card's text, which may state the parity reached. */
  readonly card: (parity: Parity) => string;
}

/** Fine-tuning goes by activations of half precision: 11 bits each, of many that are summed. */
const HALF_PRECISION = 5e-3;

/** Throws `parity_failed`, and what saveModel throws; nothing is written then. */
export async function exportModel(options: ExportOptions): Promise<{ fingerprint: string; parity: Parity }> {
  const { backbone, tuned, map, check } = options;
  if (tuned && options.linkBackbone) {
    throw invalid('linkBackbone', 'false where the backbone was trained: it is another one now', true);
  }
  if (check.rows.length === 0) throw invalid('check.rows', 'at least one image', check.rows.length);
  const base = tuned ?? decodeModel(backbone.graph);
  const head = headGraph({ map, opset: base.opset });
  const graph = composeGraph({ backbone: base, head }).bytes;
  const output = head.graph.outputs[0]!.name;
  const { input, preprocess } = backbone.manifest;
  const parity = await checkParity({
    graph,
    input,
    output,
    dimension: map.outputs,
    preprocess,
    images: await Promise.all(check.rows.map((row) => readFile(row.image))),
    embeddings: check.embeddings,
    tolerance: tuned && HALF_PRECISION,
  });
  const { fingerprint } = await saveModel({
    directory: options.directory,
    graph: options.linkBackbone ? { backboneDirectory: backbone.directory, head } : graph,
    manifest: {
      version: backbone.manifest.version,
      name: options.name,
      kind: 'embedding',
      input,
      output,
      dimension: map.outputs,
      metric: 'cosine',
      preprocess,
      provenance: options.provenance,
      quality: options.quality,
    },
    card: options.card(parity),
  });
  return { fingerprint, parity };
}
