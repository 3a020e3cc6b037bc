import { createHash } from 'node:crypto';
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readDataset } from '../../src/dataset/read.ts';
import type { DatasetRow } from '../../src/dataset/row.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import type { LoadedModel } from '../../src/model/load.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';
import { activationBytes } from '../../training/features/activation-cache.ts';
import {
  type ActivationOptions,
  type ActivationPlan,
  cacheActivations,
} from '../../training/features/activations.ts';
import { CROPS, FLIPS, PLAIN, viewKey, viewPixels } from '../../training/features/views.ts';
import { type Prefix, splitBackbone } from '../../training/finetune/suffix.ts';
import { branchingBackbone } from '../fixtures/branching-backbone.ts';
import { tinyShop } from '../fixtures/tiny-shop.ts';

let folder: string;
let backbone: LoadedModel;
let prefix: Prefix;
let rows: readonly DatasetRow[];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attractor-activations-'));
  backbone = await branchingBackbone({ directory: join(folder, 'branching') });
  prefix = (await splitBackbone({ backbone, train: 'last:2', precision: 'float32' })).prefix;
  rows = (await readDataset({ path: await tinyShop({ folder, classes: 7, each: 3 }) })).rows;
});
afterAll(() => rm(folder, { recursive: true }));

async function cached(name: string, options: Partial<ActivationOptions> = {}) {
  const plans: ActivationPlan[] = [];
  const activations = await cacheActivations({
    ...{ rows, prefix, threads: 1, cache: join(folder, name), contract: backbone.manifest.preprocess },
    onPlan: (plan) => plans.push(plan),
    ...options,
  });
  return { activations, plan: plans[0]! };
}

/** What the prefix gives for one view of one image, alone. */
async function computed(row: DatasetRow, view = PLAIN): Promise<Float32Array> {
  const session = await openSession({ model: encodeModel(prefix.model), threads: 1 });
  const bytes = await readFile(row.image);
  const pixels = await viewPixels({ bytes, contract: backbone.manifest.preprocess, view });
  const result = await session.run({ image: f32([1, 3, 16, 16], pixels) });
  await session.release();
  return result[prefix.output]!.data as Float32Array;
}

const SIZE = 12 * 8 * 8;
const ONE = 32 + 4 * SIZE + 4;

describe('cacheActivations', () => {
  test('computes every image and view once in its life and says before what that takes', async () => {
    const first = await cached('once', { views: FLIPS });
    expect(first.plan).toMatchObject({ missing: 42, cached: 0, bytes: 42 * ONE });
    expect(first.plan.free).toBeGreaterThan(first.plan.bytes);
    const [file] = readdirSync(join(folder, 'once'));
    expect(statSync(join(folder, 'once', file!)).size).toBe(96 + first.plan.bytes);

    const samples = Int32Array.of(20, 3, 3);
    const read = first.activations.read(samples, Int32Array.of(0, 1, 0));
    expect(read).toMatchObject({ type: 'float32', dims: [3, 12, 8, 8] });
    const wanted = [await computed(rows[20]!), await computed(rows[3]!, FLIPS[1]), await computed(rows[3]!)];
    for (const [i, x] of (read.data as Float32Array).entries()) {
      expect(x).toBeCloseTo(wanted[Math.floor(i / SIZE)]![i % SIZE]!, 5);
    }
    first.activations.close();

    const again = await cached('once', { views: FLIPS });
    expect(again.plan).toMatchObject({ missing: 0, cached: 42, bytes: 0 });
    expect(again.activations.read(samples).data).not.toEqual(read.data);
    expect(again.activations.read(samples, Int32Array.of(0, 1, 0))).toEqual(read);
    expect(again.activations.hash).toBe(first.activations.hash);
    again.activations.close();

    const plain = await cached('once');
    expect(plain.plan).toMatchObject({ missing: 0, cached: 21 });
    expect(plain.activations.hash).not.toBe(first.activations.hash);
    plain.activations.close();
  });

  test('lists images that cannot be read and leaves their rows out', async () => {
    const broken = join(folder, 'broken.png');
    const bytes = readFileSync(rows[1]!.image);
    writeFileSync(broken, bytes.subarray(0, bytes.length / 2));
    const some = [
      rows[0]!,
      { ...rows[1]!, line: 77, image: broken },
      { ...rows[2]!, line: 78, image: join(folder, 'none.png') },
      rows[3]!,
    ];
    const { activations } = await cached('bad', { rows: some, views: FLIPS });
    expect(activations.rows).toEqual([rows[0], rows[3]]);
    expect(activations.problems).toEqual([
      { line: 77, reason: expect.stringMatching(/whole image/) },
      { line: 78, reason: expect.stringMatching(/ENOENT/) },
    ]);
    const { data } = activations.read(Int32Array.of(1));
    expect((data as Float32Array)[7]).toBeCloseTo((await computed(rows[3]!))[7]!, 5);
    activations.close();
  });

  test('goes on after an abort from what was computed before', async () => {
    const stop = new AbortController();
    const aborted = cached('stopped', {
      signal: stop.signal,
      onProgress: ({ done }) => done >= 8 && stop.abort(),
    });
    await expect(aborted).rejects.toMatchObject({ code: 'aborted' });
    const { activations, plan } = await cached('stopped');
    expect(plan).toMatchObject({ missing: 13, cached: 8 });
    activations.close();
  });

  test('computes a damaged record again', async () => {
    const whole = await cached('whole');
    cpSync(join(folder, 'whole'), join(folder, 'damaged'), { recursive: true });
    const path = join(folder, 'damaged', readdirSync(join(folder, 'damaged'))[0]!);
    const bytes = readFileSync(path);
    bytes[96 + 2 * ONE + 500]! ^= 1;
    writeFileSync(path, bytes.subarray(0, -10));
    const mended = await cached('damaged');
    expect(mended.plan).toMatchObject({ missing: 2, cached: 19 });
    const all = Int32Array.from(rows.keys());
    const [a, b] = [whole, mended].map(({ activations }) => activations.read(all).data as Float32Array);
    for (const [i, x] of a!.entries()) expect(b![i]).toBeCloseTo(x, 5);
    whole.activations.close();
    mended.activations.close();
  });

  test('refuses what the disk has no room for, before it computes anything', async () => {
    const huge = { ...prefix, dims: [2 ** 31, 2 ** 20] };
    const refused = cached('huge', { prefix: huge, onProgress: () => expect.unreachable() });
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_argument',
      message: expect.stringMatching(/a folder with \d+\.\d GB free, received .* GB in/),
    });
    expect(activationBytes({ ...prefix, precision: 'float16' })).toBe(32 + 2 * SIZE + 4);
  });
});

describe('views', () => {
  const contract = () => backbone.manifest.preprocess;
  const bytes = () => readFileSync(rows[4]!.image);

  test('the plain one is what serving sees, under the hash of the image', async () => {
    const pixels = await viewPixels({ bytes: bytes(), contract: contract(), view: PLAIN });
    expect(pixels).toEqual(await preprocess({ bytes: bytes(), contract: contract() }));
    const hash = createHash('sha256').update(bytes()).digest('hex');
    expect(viewKey(hash, PLAIN)).toBe(hash);
    const keys = CROPS.map((view) => viewKey(hash, view));
    expect(new Set(keys).size).toBe(CROPS.length);
    for (const key of keys) expect(key).toMatch(/^[0-9a-f]{64}$/);
  });

  test('mirrored left to right, every line and channel', async () => {
    const plain = await viewPixels({ bytes: bytes(), contract: contract(), view: PLAIN });
    const flipped = await viewPixels({ bytes: bytes(), contract: contract(), view: FLIPS[1]! });
    for (const i of plain.keys()) expect(flipped[i]).toBe(plain[i - (i % 16) + 15 - (i % 16)]);
  });

  test('a window of the larger image', async () => {
    const large = await preprocess({ bytes: bytes(), contract: { ...contract(), width: 24, height: 24 } });
    const view = { flip: true, zoom: 1.5, x: 0.5, y: 1 };
    const pixels = await viewPixels({ bytes: bytes(), contract: contract(), view });
    for (const [channel, row, column] of [
      [0, 0, 0],
      [1, 3, 15],
      [2, 15, 7],
    ] as const) {
      const from = channel * 576 + (row + 8) * 24 + 4 + (15 - column);
      expect(pixels[channel * 256 + row * 16 + column]).toBe(large[from]);
    }
    const beyond = viewPixels({ bytes: bytes(), contract: contract(), view: { ...view, x: 1.5 } });
    await expect(beyond).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});
