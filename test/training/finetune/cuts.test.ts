import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attr, GraphBuilder } from '../../../src/onnx/build.ts';
import { decodeModel } from '../../../src/onnx/codec.ts';
import type { Graph } from '../../../src/onnx/model.ts';
import { f32, scalar } from '../../../src/onnx/tensor.ts';
import { blocksOf, cutFor } from '../../../training/finetune/cuts.ts';
import { branchingBackbone, CUTS } from '../../fixtures/branching-backbone.ts';

let folder: string;
let graph: Graph;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-cuts-'));
  graph = decodeModel((await branchingBackbone({ directory: join(folder, 'branching') })).graph).graph;
});
afterAll(() => rm(folder, { recursive: true }));

describe('blocksOf', () => {
  test('finds the values that everything flows through, with branches and residuals inside a block', () => {
    expect(blocksOf(graph)).toEqual([
      { from: 'image', weighted: ['stem/conv'] },
      { from: 'stem/relu', weighted: ['mixed/left/conv', 'mixed/right/conv'] },
      { from: 'mixed/concat', weighted: ['residual/conv', 'residual/bn'] },
      { from: 'flat', weighted: ['dense/matmul', 'features'] },
    ]);
  });

  test('finds the blocks of Inception V3', async () => {
    const path = join(import.meta.dirname, '../../../models/inception-v3/model.onnx');
    const blocks = blocksOf(decodeModel(await readFile(path)).graph);
    expect(blocks.slice(-3).map(({ from, weighted }) => [from, weighted.length])).toEqual([
      ['Mixed_6d/concat', 10],
      ['Mixed_6e/concat', 6],
      ['Mixed_7a/concat', 9],
    ]);
    expect(blocks[0]).toEqual({ from: 'image', weighted: ['Conv2d_1a_3x3/conv'] });
  });

  test('a transformer: attention and MLP are a block each, norms and biases found none', () => {
    const builder = new GraphBuilder();
    const weight = (name: string, dims: number[]) =>
      builder.initializer(name, f32(dims, new Float32Array(dims.reduce((a, b) => a * b)).fill(0.1)));
    const dense = (x: string, name: string, from: number, to: number) => {
      const product = builder.node(
        'MatMul',
        [x, weight(`${name}/w`, [from, to])],
        {},
        { output: `${name}/matmul` },
      );
      return builder.node('Add', [product, weight(`${name}/b`, [to])], {}, { output: `${name}/add` });
    };
    const norm = (x: string, name: string) => {
      const scale = [weight(`${name}/scale`, [8]), weight(`${name}/bias`, [8])];
      return builder.node('LayerNormalization', [x, ...scale], { axis: attr.int(-1) }, { output: name });
    };
    let x = builder.input({ name: 'tokens', type: 'float32', dims: ['batch', 5, 8] });
    for (const block of ['one', 'two']) {
      const normed = norm(x, `${block}/norm1`);
      const [q, k, v] = ['q', 'k', 'v'].map((part) => dense(normed, `${block}/${part}`, 8, 8)) as [
        string,
        string,
        string,
      ];
      const keys = builder.node('Transpose', [k], { perm: attr.ints([0, 2, 1]) });
      const scores = builder.node('Mul', [builder.node('MatMul', [q, keys]), builder.constant(scalar(0.35))]);
      const mixed = builder.node('MatMul', [builder.node('Softmax', [scores], { axis: attr.int(-1) }), v]);
      x = builder.node('Add', [dense(mixed, `${block}/out`, 8, 8), x], {}, { output: `${block}/attended` });
      const wide = builder.node('Relu', [dense(norm(x, `${block}/norm2`), `${block}/up`, 8, 16)]);
      x = builder.node('Add', [dense(wide, `${block}/down`, 16, 8), x], {}, { output: `${block}/done` });
    }
    builder.output(norm(x, 'last'), 'float32', ['batch', 5, 8]);
    const blocks = blocksOf(builder.build({ name: 'vit' }).graph);
    expect(blocks.map(({ from }) => from)).toEqual(['tokens', 'one/attended', 'one/done', 'two/attended']);
    expect(blocks.at(-1)!.weighted).toContain('last');
  });
});

describe('cutFor', () => {
  test.each([
    ['last:1', CUTS[3]],
    ['last:3', CUTS[1]],
    ['last:4', 'image'],
    ['all', 'image'],
    ['last:mixed', CUTS[1]],
    ['last:mixed/right/conv', CUTS[1]],
    ['last:mixed/concat', CUTS[2]],
    ['last:residual/bn', CUTS[2]],
  ])('%s begins at %s', (train, cut) => {
    expect(cutFor(train, graph)).toBe(cut);
  });

  test.each(['last:5', 'last:0', 'last:nothing', 'last:', 'first:1', ''])(
    'refuses "%s" and says what there is',
    (train) => {
      expect(() => cutFor(train, graph)).toThrow(
        expect.objectContaining({ code: 'invalid_argument', message: expect.stringMatching(/last:.*4/) }),
      );
    },
  );
});
