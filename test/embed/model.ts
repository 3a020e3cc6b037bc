// A tiny real model in a temporary folder: mean colour of the image, projected to four numbers, made unit length.
// Not a test.

import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { saveModel } from '../../src/model/save.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32, i64 } from '../../src/onnx/tensor.ts';
import type { Disk } from '../../src/store/disk.ts';

export const DIMENSION = 4;
/** Rows: red, green, blue. Every colour gives another direction. */
export const PROJECTION = [
  [0.9, -0.2, 0.1, 0.3],
  [0.1, 0.8, -0.3, 0.2],
  [-0.2, 0.1, 0.7, 0.5],
];

/** Saves the model, with `scale` on its projection so that two of them have two fingerprints, and returns its folder. */
export async function saveTinyModel(
  options: { scale?: number; folder?: string; disk?: Disk } = {},
): Promise<string> {
  const { scale = 1, folder = '', disk } = options;
  const builder = new GraphBuilder();
  builder.input({ name: 'image', type: 'float32', dims: ['batch', 3, 16, 16] });
  const pooled = builder.node('GlobalAveragePool', ['image']);
  const flat = builder.node('Reshape', [pooled, builder.constant(i64([-1, 3]))]);
  const weights = f32(
    [3, DIMENSION],
    PROJECTION.flat().map((weight) => weight * scale),
  );
  const projected = builder.node('MatMul', [flat, builder.initializer('projection', weights)]);
  builder.node(
    'LpNormalization',
    [projected],
    { axis: attr.int(1), p: attr.int(2) },
    { output: 'embedding' },
  );
  builder.output('embedding', 'float32', ['batch', DIMENSION]);

  const directory = folder || join(await mkdtemp(join(tmpdir(), 'attractor-embed-')), 'tiny');
  await saveModel({
    directory,
    disk,
    graph: encodeModel(builder.build({ name: 'tiny' })),
    card: '# Tiny\n',
    manifest: {
      version: 1,
      name: 'tiny',
      kind: 'embedding',
      input: 'image',
      output: 'embedding',
      dimension: DIMENSION,
      metric: 'cosine',
      preprocess: {
        width: 16,
        height: 16,
        fit: 'fill',
        kernel: 'linear',
        shrinkOnLoad: false,
        colour: 'rgb',
        background: [255, 255, 255],
        mean: [0, 0, 0],
        std: [255, 255, 255],
        layout: 'NCHW',
      },
      provenance: { origin: 'test/embed' },
      quality: {},
    },
  });
  return directory;
}

/** What the model gives for an image whose mean colour is `rgb`, by hand. */
export function expectedVector(rgb: readonly number[]): number[] {
  const raw = Array.from({ length: DIMENSION }, (_, d) =>
    rgb.reduce((sum, value, c) => sum + (value / 255) * PROJECTION[c]![d]!, 0),
  );
  const norm = Math.hypot(...raw);
  return raw.map((value) => value / norm);
}

export const image = (name: string): Promise<Uint8Array> =>
  readFile(fileURLToPath(new URL(`../fixtures/images/${name}`, import.meta.url)));
