import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { composeGraph } from '../../src/model/compose.ts';
import { fingerprint } from '../../src/model/fingerprint.ts';
import { loadModel } from '../../src/model/load.ts';
import type { ModelManifest } from '../../src/model/manifest.ts';
import { saveModel } from '../../src/model/save.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import type { OnnxModel } from '../../src/onnx/model.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';

const PREPROCESS: ModelManifest['preprocess'] = {
  width: 4,
  height: 4,
  fit: 'cover',
  kernel: 'cubic',
  shrinkOnLoad: false,
  colour: 'rgb',
  background: [255, 255, 255],
  mean: [128, 128, 128],
  std: [128, 128, 128],
  layout: 'NCHW',
};
const manifestOf = (
  kind: ModelManifest['kind'],
  dimension: number,
): Omit<ModelManifest, 'graph' | 'fingerprint'> => ({
  version: 1,
  name: kind,
  kind,
  input: 'image',
  output: 'embedding',
  dimension,
  metric: 'cosine',
  preprocess: PREPROCESS,
  provenance: { dataset: 'none', seed: 7, options: { alpha: 4, classes: ['a', 'b'] } },
  quality: { recallAt1: { value: 0.5, on: 'two images' } },
});

/** Mean colour: image [batch,3,h,w] to embedding [batch,3]. */
function backbone(): OnnxModel {
  const g = new GraphBuilder();
  g.input({ name: 'image', type: 'float32', dims: ['batch', 3, 'height', 'width'] });
  const mean = g.node('GlobalAveragePool', ['image']);
  g.node('Flatten', [mean], { axis: attr.int(1) }, { output: 'embedding' });
  g.output('embedding', 'float32', ['batch', 3]);
  return g.build({ name: 'mean-colour' });
}

/** A linear layer and the L2 norm: features [n,3] to embedding [n,2]. */
function head(weight = 1): OnnxModel {
  const g = new GraphBuilder();
  g.input({ name: 'features', type: 'float32', dims: ['n', 3] });
  const linear = g.node('MatMul', ['features', g.initializer('w', f32([3, 2], [weight, 0, 0, 1, 0, 0]))]);
  g.node('LpNormalization', [linear], { axis: attr.int(1) }, { output: 'embedding' });
  g.output('embedding', 'float32', ['n', 2]);
  return g.build({ name: 'head' });
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-model-'));
});
afterEach(() => rm(folder, { recursive: true }));

const at = (name: string) => join(folder, name);
const saveBackbone = (directory = at('backbone')) =>
  saveModel({
    directory,
    manifest: manifestOf('backbone', 3),
    graph: encodeModel(backbone()),
    card: '# b\n',
  });
const saveHead = (weight = 1, directory = at('shop')) =>
  saveModel({
    directory,
    manifest: manifestOf('embedding', 2),
    graph: { backboneDirectory: at('backbone'), head: head(weight) },
    card: '# shop\n',
  });

describe('saveModel and loadModel', () => {
  test('give back what was saved', async () => {
    const saved = await saveBackbone();
    const model = await loadModel({ directory: at('backbone') });
    expect(model).toMatchObject({
      name: 'backbone',
      directory: at('backbone'),
      fingerprint: saved.fingerprint,
    });
    expect(model.manifest).toEqual({
      ...manifestOf('backbone', 3),
      graph: { file: 'model.onnx' },
      fingerprint: saved.fingerprint,
    });
    expect((await readdir(at('backbone'))).sort()).toEqual(['MODEL_CARD.md', 'manifest.json', 'model.onnx']);
    expect(await readFile(join(at('backbone'), 'MODEL_CARD.md'), 'utf8')).toBe('# b\n');
  });

  test('a head beside its backbone is the same model as the whole graph, and it runs', async () => {
    await saveBackbone();
    const { fingerprint: composed } = await saveHead();
    const whole = await saveModel({
      directory: at('whole'),
      manifest: manifestOf('embedding', 2),
      graph: composeGraph({ backbone: backbone(), head: head() }).bytes,
      card: '',
    });
    expect(whole.fingerprint).toBe(composed);
    const model = await loadModel({ directory: at('shop') });
    expect(Buffer.compare(model.graph, (await loadModel({ directory: at('whole') })).graph)).toBe(0);
    expect(model.manifest.graph).toMatchObject({ backbone: '../backbone', head: 'head.onnx' });
    expect(await readdir(at('shop'))).not.toContain('model.onnx');

    const session = await openSession({ model: model.graph, threads: 1 });
    const image = f32([1, 3, 1, 1], [3, 4, 9]);
    const { embedding } = await session.run({ image });
    await session.release();
    expect(embedding!.data[0]).toBeCloseTo(0.6, 6);
    expect(embedding!.data[1]).toBeCloseTo(0.8, 6);
  });

  test('replace an older model whole, and leave nothing beside it', async () => {
    await saveBackbone();
    const before = await saveHead(1);
    const after = await saveHead(2);
    expect(after.fingerprint).not.toBe(before.fingerprint);
    expect((await loadModel({ directory: at('shop') })).fingerprint).toBe(after.fingerprint);
    expect((await readdir(folder)).sort()).toEqual(['backbone', 'shop']);
  });

  test('a model that does not load never takes the place of one that does', async () => {
    const before = await saveBackbone();
    const wrong = { ...manifestOf('backbone', 3), dimension: 4 };
    const save = saveModel({
      directory: at('backbone'),
      manifest: wrong,
      graph: encodeModel(backbone()),
      card: '',
    });
    await expect(save).rejects.toMatchObject({
      code: 'model_invalid',
      message: expect.stringContaining(
        'graph output: expected "embedding" float32 [batch,4], received "embedding" float32 [batch,3]',
      ),
    });
    expect((await loadModel({ directory: at('backbone') })).fingerprint).toBe(before.fingerprint);
    expect(await readdir(folder)).toEqual(['backbone']);
  });
});

describe('loadModel refuses', () => {
  const change = async (name: string, edit: (manifest: Record<string, unknown>) => object) => {
    const path = join(at(name), 'manifest.json');
    await writeFile(path, JSON.stringify(edit(JSON.parse(await readFile(path, 'utf8')))));
  };
  const refuse = (name: string, code: string, message: RegExp) =>
    expect(loadModel({ directory: at(name) })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });

  beforeEach(async () => {
    await saveBackbone();
    await saveHead();
  });

  test('a folder without a manifest', () => refuse('nothing', 'model_not_found', /No model at .*nothing/));

  test('a manifest that is not JSON', async () => {
    await writeFile(join(at('backbone'), 'manifest.json'), '{');
    await refuse('backbone', 'model_invalid', /manifest\.json: expected JSON/);
  });

  test('another manifest version, before anything else about it', async () => {
    await change('backbone', () => ({ version: 2, future: true }));
    await refuse('backbone', 'model_invalid', /manifest\.version: expected 1, received 2/);
  });

  test.each([
    ['an unknown key', { extra: 1 }, /extra/],
    ['a wrong field', { preprocess: { ...PREPROCESS, width: 0 } }, /manifest\.preprocess\.width/],
    ['a name that is a path', { name: '../x' }, /manifest\.name/],
    [
      'an absolute backbone',
      { graph: { backbone: '/etc', backboneFingerprint: '', head: 'head.onnx' } },
      /manifest\.graph/,
    ],
  ])('%s', async (_, edit, message) => {
    await change('backbone', (manifest) => ({ ...manifest, ...edit }));
    await refuse('backbone', 'model_invalid', message);
  });

  test('a changed contract', async () => {
    await change('backbone', (manifest) => ({
      ...manifest,
      preprocess: { ...PREPROCESS, kernel: 'linear' },
    }));
    await refuse(
      'backbone',
      'model_invalid',
      /fingerprint: expected sha256:\w+, received sha256:\w+ from the files/,
    );
  });

  test('one changed weight', async () => {
    const path = join(at('shop'), 'head.onnx');
    await writeFile(path, encodeModel(head(1.0001)));
    await refuse('shop', 'model_invalid', /fingerprint: expected/);
  });

  test('a missing or corrupt graph', async () => {
    await writeFile(join(at('backbone'), 'model.onnx'), 'not onnx');
    await refuse('backbone', 'model_invalid', /model\.onnx: expected an ONNX graph/);
    await rm(join(at('backbone'), 'model.onnx'));
    await refuse('backbone', 'model_invalid', /model\.onnx: expected a readable file, received ENOENT/);
  });

  test('an input or output that is not the manifest’s', async () => {
    await change('backbone', (manifest) => ({ ...manifest, input: 'pixels' }));
    await refuse(
      'backbone',
      'model_invalid',
      /graph input: expected "pixels".* received "image" float32 \[batch,3/,
    );
  });

  test('a backbone that is not the one the head was trained on', async () => {
    await rm(at('backbone'), { recursive: true });
    await refuse('shop', 'model_not_found', /No model at .*backbone/);
    const other = { ...manifestOf('backbone', 3), preprocess: { ...PREPROCESS, width: 8 } };
    await saveModel({ directory: at('backbone'), manifest: other, graph: encodeModel(backbone()), card: '' });
    await refuse('shop', 'model_invalid', /backboneFingerprint: expected sha256/);
  });

  test('a backbone that is itself a head, so that no chain can be a circle', async () => {
    await change('shop', (manifest) => ({
      ...manifest,
      graph: { ...(manifest.graph as object), backbone: '../shop' },
    }));
    await refuse(
      'shop',
      'model_invalid',
      /manifest\.graph\.backbone: expected a model with its own model\.onnx/,
    );
  });
});

describe('fingerprint', () => {
  const graph = Uint8Array.of(1, 2, 3);
  test('depends on graph and contract and not on the order of keys', () => {
    const base = fingerprint({ graph, preprocess: PREPROCESS });
    const reversed = Object.fromEntries(Object.entries(PREPROCESS).reverse()) as typeof PREPROCESS;
    expect(base).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(fingerprint({ graph, preprocess: reversed })).toBe(base);
    expect(fingerprint({ graph: Uint8Array.of(1, 2), preprocess: PREPROCESS })).not.toBe(base);
    expect(fingerprint({ graph, preprocess: { ...PREPROCESS, shrinkOnLoad: true } })).not.toBe(base);
  });

  // Computed outside this project. A change of the definition would orphan every vector made before it.
  test('is this one for ever', () => {
    expect(fingerprint({ graph, preprocess: PREPROCESS })).toBe(
      'sha256:f5fe1a76fb64562ab37613542ab7d697ae38cb7807b15395c20e76a6e84d2776',
    );
  });
});
