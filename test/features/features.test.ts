import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DatasetRow } from '../../src/dataset/row.ts';
import { bytesOf, type Embedder, type EmbedRequest } from '../../src/embed/embedder.ts';
import { AttractorError } from '../../src/errors/error.ts';
import { openFeatureCache } from '../../training/features/cache.ts';
import { extractFeatures } from '../../training/features/extract.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'attractor-features-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const DIMENSION = 3;
const fingerprint = `sha256:${'ab'.repeat(32)}`;
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');

/** A data set of small text files, since this embedder looks at bytes: what is tested is which of them it is shown. */
function shop(texts: readonly string[]): DatasetRow[] {
  return texts.map((text, i) => {
    const image = join(folder, `${i}.jpg`);
    writeFileSync(image, text);
    return { line: i + 2, id: String(i), label: 'x', image, tags: [], attributes: {} };
  });
}

const vectorOf = (bytes: Uint8Array) => {
  const digest = createHash('sha256').update(bytes).digest();
  const raw = [0, 1, 2].map((i) => digest[i]! + 1);
  const norm = Math.hypot(...raw);
  return Float32Array.from(raw, (x) => x / norm);
};

function byteEmbedder(options: { failAt?: number; onBatch?: (done: number) => void } = {}) {
  const seen: string[] = [];
  let closed = 0;
  const embedder: Embedder = {
    fingerprint,
    dimension: DIMENSION,
    async embed({ images, signal }: EmbedRequest) {
      signal?.throwIfAborted();
      if (options.failAt !== undefined && seen.length >= options.failAt) {
        throw new AttractorError('embedder_crashed', 'The child died.');
      }
      const results = images.map(bytesOf).map((bytes) => {
        const text = Buffer.from(bytes).toString();
        seen.push(text);
        return text.startsWith('bad')
          ? { error: new AttractorError('image_undecodable', `cannot decode ${text}`) }
          : { vector: vectorOf(bytes) };
      });
      options.onBatch?.(seen.length);
      return results;
    },
    async close() {
      closed++;
    },
  };
  return { seen, open: async () => embedder, closed: () => closed };
}

const extract = (rows: DatasetRow[], with_: ReturnType<typeof byteEmbedder>, signal?: AbortSignal) =>
  extractFeatures({
    rows,
    cache: join(folder, 'cache'),
    fingerprint,
    dimension: DIMENSION,
    openEmbedder: with_.open,
    signal,
  });

describe('extractFeatures', () => {
  it('embeds every image once in its life, by content', async () => {
    const texts = Array.from({ length: 150 }, (_, i) => `image ${i % 120}`);
    const first = byteEmbedder();
    const features = await extract(shop(texts), first);
    expect(new Set(first.seen).size).toBe(120);
    expect(features.rows.length).toBe(150);
    texts.forEach((text, i) => {
      expect(features.features.slice(i * 3, i * 3 + 3)).toEqual(vectorOf(Buffer.from(text)));
    });

    const again = byteEmbedder();
    const cached = await extract(shop([...texts].reverse()), again);
    expect(again.seen).toEqual([]);
    expect(again.closed()).toBe(0);
    expect(cached.cached).toBe(150);

    const changed = byteEmbedder();
    await extract(shop([...texts.slice(1), 'new']), changed);
    expect(changed.seen).toEqual(['new']);
    expect(changed.closed()).toBe(1);
  });

  it('lists bad images and missing files and closes the gaps they leave', async () => {
    const rows = shop(['a', 'bad one', 'b', 'c']);
    rmSync(rows[2]!.image);
    const { rows: kept, features, problems } = await extract(rows, byteEmbedder());
    expect(kept.map((row) => row.id)).toEqual(['0', '3']);
    expect(features).toEqual(Float32Array.of(...vectorOf(Buffer.from('a')), ...vectorOf(Buffer.from('c'))));
    expect(problems).toEqual([
      { line: 3, reason: 'cannot decode bad one' },
      { line: 4, reason: expect.stringMatching(/ENOENT/) },
    ]);
  });

  it('goes on after an abort or a crash from what was embedded before', async () => {
    const texts = Array.from({ length: 200 }, (_, i) => `image ${i}`);
    const rows = shop(texts);
    const stop = new AbortController();
    const first = byteEmbedder({ onBatch: (done) => done >= 64 && stop.abort() });
    await expect(extract(rows, first, stop.signal)).rejects.toMatchObject({ code: 'aborted' });
    expect(first.closed()).toBe(1);
    const second = byteEmbedder({ failAt: 48 });
    await expect(extract(rows, second)).rejects.toMatchObject({ code: 'embedder_crashed' });
    const third = byteEmbedder();
    await extract(rows, third);
    const all = [...first.seen, ...second.seen, ...third.seen];
    expect(all.length).toBe(200);
    expect(new Set(all).size).toBe(200);
  });
});

describe('openFeatureCache', () => {
  const open = (dimension = DIMENSION) => openFeatureCache({ folder, fingerprint, dimension });
  const path = () => join(folder, readdirSync(folder).find((name) => name.endsWith('.features'))!);
  const fill = (count: number) => {
    const cache = open();
    const rows = Float32Array.from({ length: count * DIMENSION }, (_, i) => i);
    cache.append(
      Array.from({ length: count }, (_, i) => hashOf(String(i))),
      rows,
    );
    cache.close();
  };
  const row = (cache: ReturnType<typeof open>, i: number) => {
    const out = new Float32Array(2 + DIMENSION);
    return cache.read(hashOf(String(i)), out, 2) ? [...out.subarray(2)] : undefined;
  };

  it('has the documented layout', () => {
    fill(2);
    const bytes = readFileSync(path());
    expect(bytes.length).toBe(64 + 2 * (36 + 4 * DIMENSION));
    expect(bytes.toString('latin1', 0, 8)).toBe('ATTRFEAT');
    expect([bytes.readUInt32LE(8), bytes.readUInt32LE(12)]).toEqual([1, DIMENSION]);
    expect(bytes.toString('hex', 16, 48)).toBe('ab'.repeat(32));
    expect(bytes.toString('hex', 64, 96)).toBe(hashOf('0'));
    expect([0, 1, 2].map((i) => bytes.readFloatLE(96 + 4 * i))).toEqual([0, 1, 2]);
  });

  it('cuts off a torn record and goes on appending', () => {
    fill(3);
    truncateSync(path(), statSync(path()).size - 5);
    const cache = open();
    expect(cache.size).toBe(2);
    cache.append([hashOf('2')], Float32Array.of(7, 8, 9));
    cache.close();
    const reopened = open();
    expect([0, 1, 2].map((i) => row(reopened, i))).toEqual([
      [0, 1, 2],
      [3, 4, 5],
      [7, 8, 9],
    ]);
    reopened.close();
  });

  it('passes over every record with a flipped bit', () => {
    fill(3);
    const bytes = readFileSync(path());
    bytes[64 + 48 + 40]! ^= 1;
    writeFileSync(path(), bytes);
    const cache = open();
    expect([0, 1, 2].map((i) => row(cache, i) !== undefined)).toEqual([true, false, true]);
    cache.close();
  });

  it('starts anew on any other header', () => {
    fill(3);
    const other = open(5);
    expect(other.size).toBe(0);
    other.close();
    writeFileSync(path(), 'not a cache');
    appendFileSync(path(), Buffer.alloc(500));
    const cache = open();
    expect(cache.size).toBe(0);
    cache.close();
    expect(statSync(path()).size).toBe(64);
  });
});
