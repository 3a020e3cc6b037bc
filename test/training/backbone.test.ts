// ONNX files from elsewhere as backbones: what comes out is what the file's own values say, and what cannot serve is refused
// before anything is written.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRng } from '../../src/math/rng.ts';
import { type LoadedModel, loadModel } from '../../src/model/load.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32, i64 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';
import { makeBackbone } from '../../training/backbone/backbone.ts';
import { normaliseRows } from '../../training/baselines/linear-map.ts';
import { openNetworkEmbedder } from '../../training/finetune/embedder.ts';
import { suffixNetwork } from '../../training/finetune/network.ts';
import { splitBackbone } from '../../training/finetune/suffix.ts';
import { train } from '../../training/train.ts';
import { tinyShop } from '../fixtures/tiny-shop.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-backbone-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const rng = createRng(5);
const normals = (length: number) => Float32Array.from({ length }, () => rng.normal());
const SIDE = 8;
const WIDTH = 6;

type Ends = { dims?: (number | string)[]; last?: boolean };

/** Patches of 4 x 4 pixels by a convolution, [batch, 6, 2, 2]; `rest` builds what comes after and returns its outputs. */
function file(rest: (graph: GraphBuilder, map: string) => string[], { dims, last }: Ends = {}): Uint8Array {
  const graph = new GraphBuilder();
  const open = dims ?? ['n', 3, SIDE, SIDE];
  let image = graph.input({ name: 'x', type: 'float32', dims: open });
  if (last) image = graph.node('Transpose', [image], { perm: attr.ints([0, 3, 1, 2]) });
  const weights = graph.initializer('patch', f32([WIDTH, 3, 4, 4], normals(WIDTH * 48)));
  const map = graph.node('Conv', [image, weights], { strides: attr.ints([4, 4]) }, { output: 'map' });
  for (const name of rest(graph, map)) graph.output(name, 'float32', ['n', 'any']);
  return encodeModel(graph.build({ name: 'elsewhere' }));
}

/** [batch, 4, 6]: each place is a token. */
const tokens = (graph: GraphBuilder, map: string) => {
  const flat = graph.node('Reshape', [map, graph.constant(i64([0, WIDTH, -1]))]);
  return [graph.node('Transpose', [flat], { perm: attr.ints([0, 2, 1]) }, { output: 'tokens' })];
};

const add = (graph: Uint8Array, more: Partial<Parameters<typeof makeBackbone>[0]> = {}) =>
  makeBackbone({
    ...{
      graph,
      out: join(folder, 'models/one'),
      replace: true,
      normalise: 'unit',
      source: 'a test',
      licence: 'none',
    },
    ...more,
  });

const images = f32([2, 3, SIDE, SIDE], normals(2 * 3 * SIDE * SIDE));
const imagesLast = f32(
  [2, SIDE, SIDE, 3],
  Float32Array.from({ length: 2 * 3 * SIDE * SIDE }, (_, i) => {
    const [n, c, place] = [Math.floor(i / (3 * SIDE * SIDE)), i % 3, Math.floor(i / 3) % (SIDE * SIDE)];
    return Number(images.data[(n * 3 + c) * SIDE * SIDE + place]);
  }),
);

async function run(graph: Uint8Array, input = images): Promise<number[]> {
  const session = await openSession({ model: graph });
  const result = await session.run({ [session.inputs[0]!.name]: input });
  await session.release();
  return [...(Object.values(result)[0]!.data as Float32Array)];
}

const saved = (): Promise<LoadedModel> => loadModel({ directory: join(folder, 'models/one') });

/** Cut in two, the backbone gives what it gives whole. */
async function expectSameStart(trained: string): Promise<void> {
  const backbone = await saved();
  const split = await splitBackbone({ backbone, train: trained, precision: 'float32' });
  const projection = Float32Array.from({ length: WIDTH * WIDTH }, (_, i) => (i % (WIDTH + 1) === 0 ? 1 : 0));
  const head = { inputs: WIDTH, outputs: WIDTH, mean: new Float32Array(WIDTH), projection };
  const network = suffixNetwork({ ...split, head, headRate: 1 });
  const pixels = f32([3, 3, 16, 16], normals(3 * 3 * 256));
  const before = Float32Array.from(await run(encodeModel(split.prefix.model), pixels));
  const activations = f32([3, ...split.prefix.dims], before);
  const embedder = await openNetworkEmbedder({
    network,
    read: () => ({ activations }),
    batch: 3,
    threads: 1,
  });
  const start = new Map(network.parameters.map(({ name, initial }) => [name, initial]));
  const embeddings = await embedder.embed(start, Int32Array.of(0, 1, 2));
  await embedder.close();
  const whole = normaliseRows(Float32Array.from(await run(backbone.graph, pixels)), WIDTH);
  for (const [i, x] of embeddings.entries()) expect(x).toBeCloseTo(whole[i]!, 5);
}

describe('makeBackbone', () => {
  it('takes the mean over a map, and says where it is from', async () => {
    const graph = file((_, map) => [map]);
    expect(await add(graph)).toMatchObject({ dimension: WIDTH, size: SIDE, classifier: false });
    const map = await run(graph);
    const mean = Array.from({ length: 2 * WIDTH }, (_, i) => {
      const places = map.slice(i * 4, i * 4 + 4);
      return places.reduce((sum, x) => sum + x, 0) / 4;
    });
    const model = await saved();
    for (const [i, x] of (await run(model.graph)).entries()) expect(x).toBeCloseTo(mean[i]!, 4);
    expect(model.manifest).toMatchObject({
      ...{
        kind: 'backbone',
        name: 'one',
        dimension: WIDTH,
        provenance: { source: 'a test', licence: 'none' },
      },
      preprocess: { width: SIDE, height: SIDE, std: [255, 255, 255] },
    });
  });

  it('takes the first of the tokens, or their mean', async () => {
    const graph = file(tokens);
    const all = await run(graph);
    const token = (n: number, t: number) => all.slice((n * 4 + t) * WIDTH, (n * 4 + t + 1) * WIDTH);
    await add(graph);
    expect(await run((await saved()).graph)).toEqual([...token(0, 0), ...token(1, 0)]);
    await add(graph, { pool: 'mean' });
    const mean = [0, 1].flatMap((n) =>
      token(n, 0).map((_, i) => [0, 1, 2, 3].reduce((sum, t) => sum + token(n, t)[i]! / 4, 0)),
    );
    for (const [i, x] of (await run((await saved()).graph)).entries()) expect(x).toBeCloseTo(mean[i]!, 5);
  });

  it('turns images for a network that wants channels last', async () => {
    const graph = file((_, map) => [map], { dims: ['n', SIDE, SIDE, 3], last: true });
    await add(graph, { pool: 'mean' });
    const map = await run(graph, imagesLast);
    const received = await run((await saved()).graph);
    for (const [i, x] of received.entries()) {
      expect(x).toBeCloseTo(
        map.slice(i * 4, i * 4 + 4).reduce((sum, y) => sum + y / 4, 0),
        4,
      );
    }
  });

  it('ends at a value inside, and takes any size where the graph does', async () => {
    const graph = file(tokens, { dims: ['n', 3, 'h', 'w'] });
    await add(graph, { output: 'map', size: 12 });
    const { manifest } = await saved();
    expect(manifest).toMatchObject({
      dimension: WIDTH,
      preprocess: { width: 12 },
      provenance: { output: 'map' },
    });
  });

  // As PyTorch exports a ViT: a class token laid out for every image, shapes that are computed, axes that change places.
  it.each(['last:1', 'all'])(
    'is what heads are trained on, %s',
    async (trained) => {
      const transformer = file(
        (graph, map) => {
          const [patches] = tokens(graph, map);
          const shape = graph.node('Shape', [map]);
          const count = graph.node('Gather', [shape, graph.constant(i64([0]))]);
          const each = (...dims: number[]) =>
            graph.node('Concat', [count, graph.constant(i64(dims))], { axis: attr.int(0) });
          const token = graph.initializer('token', f32([1, 1, WIDTH], normals(WIDTH)));
          const laidOut = graph.node('Expand', [token, each(1, 1)]);
          const joined = graph.node('Concat', [laidOut, patches!], { axis: attr.int(1) });
          const known = graph.node('Reshape', [joined, each(-1, WIDTH)]);
          const turned = graph.node('Transpose', [known], { perm: attr.ints([1, 0, 2]) });
          const weights = graph.initializer('dense', f32([WIDTH, WIDTH], normals(WIDTH * WIDTH)));
          const dense = graph.node('Relu', [graph.node('MatMul', [turned, weights])]);
          return [graph.node('Transpose', [dense], { perm: attr.ints([1, 0, 2]) })];
        },
        { dims: ['n', 3, 'h', 'w'] },
      );
      await add(transformer, { size: 16, pool: 'mean' });
      await expectSameStart(trained);
      const data = { path: await tinyShop({ folder, classes: 8, each: 5 }), label: 'product_id' };
      const { facts } = await train({
        ...{ data, backbone: join(folder, 'models/one'), cache: join(folder, 'cache'), date: '2026-01-31' },
        ...{
          out: join(folder, 'models/shop'),
          replace: true,
          loss: 'lda',
          dimension: 4,
          train: trained,
          tuneEpochs: 1,
        },
      });
      expect(facts).toMatchObject({ backbone: { name: 'one' }, tuned: { train: trained } });
    },
    60_000,
  );

  it.each<[string, Uint8Array, Partial<Parameters<typeof makeBackbone>[0]>, RegExp]>([
    ['two outputs', file((g, map) => [map, g.node('Relu', [map])]), {}, /output: expected one of map, /],
    [
      'no such value',
      file((_, map) => [map]),
      { output: 'y' },
      /output: expected a value .*map\), received "y"/,
    ],
    ['another size', file((_, map) => [map]), { size: 9 }, /size: expected a square of .* 8 x 8, received 9/],
    ['no RGB', file((_, map) => [map], { dims: ['n', 3] }), {}, /graph input: expected one, float32/],
    [
      'one batch size',
      file((g, map) => [g.node('Reshape', [map, g.constant(i64([1, WIDTH * 4]))])], {
        dims: [1, 3, SIDE, SIDE],
      }),
      {},
      /does not run on 2 and on 3 images .*exported for one batch size/,
    ],
    [
      'statistics of the batch',
      file((g, map) => {
        const mean = g.node('ReduceMean', [map, g.constant(i64([0]))]);
        return [g.node('Sub', [map, mean])];
      }),
      {},
      /other numbers in a batch than alone/,
    ],
    ['nothing', file((g, map) => [g.node('Sub', [map, map])]), {}, /nothing but 0/],
    ['not ONNX', Uint8Array.of(1, 2, 3), {}, /expected an ONNX model/],
  ])('refuses %s', async (_, graph, more, message) => {
    const out = join(folder, 'models/refused');
    await expect(add(graph, { ...more, out })).rejects.toThrow(message);
    expect(existsSync(out)).toBe(false);
  });
});
