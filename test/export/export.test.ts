import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readDataset } from '../../src/dataset/read.ts';
import type { DatasetRow } from '../../src/dataset/row.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { createRng } from '../../src/math/rng.ts';
import { type LoadedModel, loadModel } from '../../src/model/load.ts';
import { decodeModel, encodeModel } from '../../src/onnx/codec.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';
import { embed, type LinearMap, normaliseRows } from '../../training/baselines/linear-map.ts';
import { createMatmul } from '../../training/baselines/matmul.ts';
import { exportModel } from '../../training/export/export.ts';
import { headGraph } from '../../training/export/head.ts';
import { tinyBackbone, tinyShop } from '../fixtures/tiny-shop.ts';

const matmul = createMatmul();
const rng = createRng(2);
let folder: string;
let backbone: LoadedModel;
let rows: readonly DatasetRow[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-export-'));
  backbone = await tinyBackbone({ directory: join(folder, 'tiny') });
  rows = (await readDataset({ path: await tinyShop({ folder, classes: 4, each: 2 }) })).rows;
});
afterAll(async () => {
  await matmul.release();
  await rm(folder, { recursive: true });
});

const normals = (length: number) => Float32Array.from({ length }, () => rng.normal());
const randomMap = (inputs: number, outputs: number): LinearMap => ({
  inputs,
  outputs,
  mean: normals(inputs).map((x) => x / 10),
  projection: normals(inputs * outputs),
});

async function features(model = backbone.graph): Promise<Float32Array> {
  const session = await openSession({ model });
  const out = new Float32Array(rows.length * 32);
  for (const [i, row] of rows.entries()) {
    const pixels = await preprocess({
      bytes: await readFile(row.image),
      contract: backbone.manifest.preprocess,
    });
    out.set((await session.run({ image: f32([1, 3, 16, 16], pixels) })).pooled!.data as Float32Array, i * 32);
  }
  await session.release();
  return normaliseRows(out, 32);
}

describe('headGraph', () => {
  it.each([13, 17, 21])(
    'computes L2((L2(x) - mean) P) in operator set %i, and zero for zero',
    async (opset) => {
      const map = randomMap(6, 4);
      map.mean.fill(0, 3);
      const session = await openSession({ model: encodeModel(headGraph({ map, opset })) });
      const x = normals(3 * 6);
      const y = (await session.run({ features: f32([3, 6], x) })).embedding!.data as Float32Array;
      const expected = await embed({ map, features: normaliseRows(x.slice(), 6), matmul });
      y.forEach((value, at) => {
        expect(value).toBeCloseTo(expected[at]!, 5);
      });
      const origin = { ...map, mean: new Float32Array(6) };
      const zero = await openSession({ model: encodeModel(headGraph({ map: origin, opset })) });
      const still = (await zero.run({ features: f32([1, 6], new Float32Array(6)) })).embedding!.data;
      expect([...(still as Float32Array)]).toEqual([0, 0, 0, 0]);
      await session.release();
      await zero.release();
    },
  );
});

describe('exportModel', () => {
  const exported = async (
    name: string,
    extra: { linkBackbone?: boolean; spoil?: number; tuned?: OnnxModel } = {},
  ) => {
    const map = { ...randomMap(32, 8), mean: new Float32Array(32).fill(0.1) };
    const graph = extra.tuned && encodeModel(extra.tuned);
    const embeddings = await embed({ map, features: await features(graph), matmul });
    if (extra.spoil !== undefined) embeddings[5]! += extra.spoil;
    const directory = join(folder, name);
    const result = await exportModel({
      directory,
      name,
      backbone,
      map,
      check: { rows, embeddings },
      linkBackbone: extra.linkBackbone,
      tuned: extra.tuned,
      provenance: { seed: 1 },
      quality: { map_at_r: { value: 0.5, on: 'a test' } },
      card: (parity) => `# ${name}\n\n${parity.images} images\n`,
    });
    return { directory, result };
  };

  it('writes one graph that serves what the trainer measured', async () => {
    const { directory, result } = await exported('whole');
    expect(result.parity.images).toBe(8);
    expect(result.parity.difference).toBeLessThan(1e-5);
    expect((await readdir(directory)).sort()).toEqual(['MODEL_CARD.md', 'manifest.json', 'model.onnx']);
    const model = await loadModel({ directory });
    expect(model.fingerprint).toBe(result.fingerprint);
    expect(model.manifest).toMatchObject({ kind: 'embedding', dimension: 8, output: 'embedding' });
    expect(await readFile(join(directory, 'MODEL_CARD.md'), 'utf8')).toContain('8 images');
  });

  it('can leave the backbone where it is: only a head is written, and the model is the same', async () => {
    const { directory, result } = await exported('linked', { linkBackbone: true });
    expect((await readdir(directory)).sort()).toEqual(['MODEL_CARD.md', 'head.onnx', 'manifest.json']);
    const model = await loadModel({ directory });
    expect(model.fingerprint).toBe(result.fingerprint);
    expect(model.manifest.graph).toMatchObject({ backbone: '../tiny', head: 'head.onnx' });
  });

  it('writes a trained backbone in place of its own, whole', async () => {
    const own = decodeModel(backbone.graph);
    const w2 = own.graph.initializers.get('w2')!;
    const trained = f32(w2.dims, normals(w2.data.length));
    const initializers = new Map(own.graph.initializers).set('w2', trained);
    const tuned = { ...own, graph: { ...own.graph, initializers } };
    const { directory } = await exported('tuned', { tuned });
    const model = await loadModel({ directory });
    expect(decodeModel(model.graph).graph.initializers.get('w2')).toEqual(trained);
    await expect(exported('linked', { tuned, linkBackbone: true })).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'linkBackbone',
    });
  });

  it.each([0.001, Number.NaN])(
    'writes nothing where the graph and the trainer differ by %d',
    async (spoil) => {
      await expect(exported('spoilt', { spoil })).rejects.toMatchObject({
        code: 'parity_failed',
        message: expect.stringMatching(/on 8 images: expected at most 0.0001/),
      });
      await expect(readdir(join(folder, 'spoilt'))).rejects.toThrow(/ENOENT/);
    },
  );
});
