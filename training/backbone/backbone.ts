// Makes a backbone's model folder of an ONNX file from elsewhere: a ResNet of PyTorch, a ViT, the image half of CLIP. Brings input
// and output to the form that models here have, and runs it before it is believed. Converts no other formats.

import { basename, resolve } from 'node:path';
import { type AttractorError, invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { PreprocessContract } from '../../src/image/contract.ts';
import { createRng } from '../../src/math/rng.ts';
import { MANIFEST_VERSION } from '../../src/model/manifest.ts';
import { refuseTaken, saveModel } from '../../src/model/save.ts';
import { decodeModel, encodeModel } from '../../src/onnx/codec.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';
import { probeValues, type Rows } from '../finetune/probe.ts';
import { EMBEDDING, fromImages, pooled, unsupported } from './graph.ts';

/** What networks are fed: mean and standard deviation of each channel, in 0 to 255. */
export const NORMALISATIONS = {
  /** torchvision, timm: trained on ImageNet with its statistics. */
  imagenet: { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] },
  /** OpenAI's CLIP and OpenCLIP. */
  clip: { mean: [122.7709, 116.746, 104.0937], std: [68.5005, 66.6322, 70.3232] },
  /** -1 to 1: TensorFlow, SigLIP. */
  symmetric: { mean: [127.5, 127.5, 127.5], std: [127.5, 127.5, 127.5] },
  /** 0 to 1. */
  unit: { mean: [0, 0, 0], std: [255, 255, 255] },
  /** 0 to 255: the network normalises by itself. */
  pixels: { mean: [0, 0, 0], std: [1, 1, 1] },
} as const satisfies Record<string, { mean: [number, number, number]; std: [number, number, number] }>;
export type Normalisation = keyof typeof NORMALISATIONS;

export interface BackboneOptions {
  /** The ONNX file's bytes. */
  readonly graph: Uint8Array;
  /** Model folder to write; its name is the model's. */
  readonly out: string;
  /** True: a model that is there already is replaced. Default false. */
  readonly replace?: boolean;
  readonly normalise: Normalisation;
  /** Side of the input in pixels. Default: what the graph says, else 224. */
  readonly size?: number;
  readonly fit?: PreprocessContract['fit'];
  /** A value of the graph to end at. Default: its output, where it has one. */
  readonly output?: string;
  /** What becomes one row where the output is one for each place of the image or each token. Default: of maps the mean, of tokens the first. */
  readonly pool?: 'mean' | 'first';
  /** Where it comes from and under what terms, for the card. */
  readonly source: string;
  readonly licence: string;
}

export interface Backbone {
  readonly fingerprint: string;
  readonly dimension: number;
  readonly size: number;
  /** It looks as if it ended in the scores of ImageNet's classes, which find worse than what they are made of. */
  readonly classifier: boolean;
}

const KNOWN: readonly (keyof BackboneOptions)[] = [
  ...([
    'graph',
    'out',
    'replace',
    'normalise',
    'size',
    'fit',
    'output',
    'pool',
    'source',
    'licence',
  ] as const),
];

/** With and without one for the background. */
const IMAGENET_CLASSES = [1000, 1001];

/** Of the largest number: what a row may differ by when it is computed alone. */
const TOLERANCE = 1e-3;

/**
 * Throws `invalid_argument`, naming the outputs that there are; `onnx_invalid` and `onnx_unsupported` where the graph cannot be
 * read or run, takes no batch of RGB images, or computes a row from other rows; and what saveModel throws.
 */
export async function makeBackbone(options: BackboneOptions): Promise<Backbone> {
  refuseUnknown(options, KNOWN, 'makeBackbone');
  const { out, normalise, pool, fit = 'cover', source, licence } = options;
  if (!Object.hasOwn(NORMALISATIONS, normalise)) {
    throw invalid('normalise', `one of ${Object.keys(NORMALISATIONS).join(', ')}`, normalise);
  }
  await refuseTaken({ directory: out, replace: options.replace });
  const model = fromImages(decodeModel(options.graph));
  const size = sizeOf(model, options.size);
  const tap = outputOf(model, options.output);
  const graph = pooled(model, tap, await rowsOf(model, tap, size), pool);
  const dimension = graph.graph.outputs[0]!.dims[1] as number;
  await checkRows(graph, size);
  const { mean, std } = NORMALISATIONS[normalise];
  const name = basename(resolve(out));
  const { fingerprint } = await saveModel({
    directory: out,
    graph: encodeModel(graph),
    card: card({ name, size, dimension, normalise, source, licence }),
    manifest: {
      version: MANIFEST_VERSION,
      ...{ name, kind: 'backbone', input: graph.graph.inputs[0]!.name, output: EMBEDDING, dimension },
      metric: 'cosine',
      preprocess: {
        ...{ width: size, height: size, fit, kernel: 'cubic', shrinkOnLoad: false, colour: 'rgb' },
        ...{ background: [255, 255, 255], mean: [...mean], std: [...std], layout: 'NCHW' },
      },
      provenance: { source, licence, output: tap, normalise },
      quality: {},
    },
  });
  return { fingerprint, dimension, size, classifier: IMAGENET_CLASSES.includes(dimension) };
}

function sizeOf(model: OnnxModel, wanted: number | undefined): number {
  const [, , height, width] = model.graph.inputs[0]!.dims;
  const fixed = [height, width].filter((side) => typeof side === 'number');
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1 && wanted <= 4096)) {
    throw invalid('size', 'whole pixels, 1 to 4096', wanted);
  }
  const size = wanted ?? fixed[0] ?? 224;
  if (fixed.some((side) => side !== size)) {
    throw invalid('size', `a square of what the graph says, ${height} x ${width}`, size);
  }
  return size;
}

/** Name of the value that it ends at. */
function outputOf(model: OnnxModel, wanted: string | undefined): string {
  const { outputs, nodes } = model.graph;
  if (wanted === undefined && outputs.length !== 1) {
    throw invalid('output', `one of ${outputs.map(({ name }) => name).join(', ')}`, 'none');
  }
  const name = wanted ?? outputs[0]!.name;
  if (!nodes.some((node) => node.outputs.includes(name))) {
    const last = nodes.slice(-8).flatMap((node) => node.outputs);
    throw invalid('output', `a value of the graph (the last ones: ${last.join(', ')})`, name);
  }
  return name;
}

async function rowsOf(model: OnnxModel, name: string, size: number): Promise<Rows> {
  const probe = await probeValues({ model, names: [name], width: size, height: size }).catch(
    (cause: unknown) => {
      if ((cause as AttractorError).code === 'onnx_unsupported') throw cause;
      const why = (cause as Error).message;
      throw unsupported(
        `the graph does not run on 2 and on 3 images of ${size} x ${size} pixels: was it exported for one batch size? ${why}`,
      );
    },
  );
  return probe.rows(name);
}

/** A row is what it is alone, and numbers at all. */
async function checkRows(model: OnnxModel, size: number): Promise<void> {
  const input = model.graph.inputs[0]!.name;
  const rng = createRng(1);
  const each = 3 * size * size;
  const pixels = Float32Array.from({ length: 2 * each }, () => rng.normal());
  const session = await openSession({ model: encodeModel(model) });
  try {
    const embed = async (count: number, data: Float32Array) =>
      (await session.run({ [input]: f32([count, 3, size, size], data) }))[EMBEDDING]!.data as Float32Array;
    const together = await embed(2, pixels);
    const alone = [...(await embed(1, pixels.subarray(0, each))), ...(await embed(1, pixels.subarray(each)))];
    const largest = together.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const off = together.reduce((max, value, i) => Math.max(max, Math.abs(value - alone[i]!)), 0);
    if (!(largest > 0 && Number.isFinite(largest))) {
      throw unsupported(
        `the graph gives nothing but ${largest} for random images; --output ends it elsewhere`,
      );
    }
    if (off > TOLERANCE * largest) {
      throw unsupported(
        'the graph gives an image other numbers in a batch than alone: is it in training mode?',
      );
    }
  } finally {
    await session.release();
  }
}

function card(facts: {
  name: string;
  size: number;
  dimension: number;
  normalise: string;
  source: string;
  licence: string;
}): string {
  const { name, size, dimension, normalise, source, licence } = facts;
  return [
    `# ${name}`,
    '',
    `A backbone from elsewhere: ${dimension} numbers for an image of ${size} x ${size} pixels, normalised as for \`${normalise}\`.`,
    '',
    `- **Source**: ${source}`,
    `- **Licence**: ${licence}`,
    '- **Quality**: not measured. `attractor compare --backbone` says what it is worth on your data.',
    '',
  ].join('\n');
}
