// The frozen backbone's features of a data set, each image embedded once in its life. Embedding goes through the Embedder
// port, so training sees exactly what serving sees; a bad image is a problem of its row.

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DatasetProblem, DatasetRow } from '../../src/dataset/row.ts';
import type { Embedder } from '../../src/embed/embedder.ts';
import { type AttractorError, asAttractorError } from '../../src/errors/error.ts';
import { type FeatureCache, openFeatureCache } from './cache.ts';

export interface ExtractOptions {
  readonly rows: readonly DatasetRow[];
  /** Folder of the cache. */
  readonly cache: string;
  /** Of the backbone. */
  readonly fingerprint: string;
  readonly dimension: number;
  /** Called at most once, and only where something is not cached; closed before this function returns. */
  readonly openEmbedder: () => Promise<Embedder>;
  /** Cache key (64 hex digits) by image hash, where the embedder embeds another picture than the image. Default: the hash. */
  readonly keyOf?: (hash: string) => string;
  readonly onProgress?: (progress: FeatureProgress) => void;
  readonly signal?: AbortSignal;
}

export interface FeatureProgress {
  readonly done: number;
  readonly total: number;
  /** Of `done`, how many came from the cache. */
  readonly cached: number;
}

export interface Features {
  /** Rows whose image could be embedded, in order. */
  readonly rows: readonly DatasetRow[];
  /** [rows.length, dimension], unit rows. */
  readonly features: Float32Array;
  readonly problems: readonly DatasetProblem[];
  /** Images taken from the cache, and embedded now. */
  readonly cached: number;
  readonly embedded: number;
}

/** Images per request, and requests under way: enough to keep every child of a pool in full batches. */
const BATCH = 16;
const AT_ONCE = 4;
const IMAGE_ERRORS: readonly string[] = ['image_undecodable', 'image_unsupported', 'image_too_large'];

/**
 * What was embedded before an abort or a crash stays cached: calling again goes on from there. Throws `aborted`, and
 * whatever the embedder throws that is not about one image.
 */
export async function extractFeatures(options: ExtractOptions): Promise<Features> {
  const { rows, dimension, fingerprint, keyOf = (hash) => hash, signal } = options;
  const cache = openFeatureCache({ folder: options.cache, fingerprint, dimension });
  let opened: Promise<Embedder> | undefined;
  const embedder = () => {
    opened ??= options.openEmbedder();
    return opened;
  };
  const features = new Float32Array(rows.length * dimension);
  const problems: (DatasetProblem & { row: number })[] = [];
  const counts = { done: 0, cached: 0, embedded: 0 };

  const one = async (start: number): Promise<void> => {
    const batch = rows.slice(start, start + BATCH);
    const images = await Promise.all(batch.map((row) => readFile(row.image).catch((error: Error) => error)));
    const missing = new Map<string, Uint8Array>();
    const hashes = images.map((image) => {
      if (image instanceof Error) return undefined;
      const hash = keyOf(createHash('sha256').update(image).digest('hex'));
      if (cache.has(hash)) counts.cached++;
      else missing.set(hash, image);
      return hash;
    });
    const refused = await embedMissing({ missing, cache, dimension, embedder, signal });
    counts.embedded += missing.size - refused.size;
    hashes.forEach((hash, i) => {
      const row = start + i;
      if (hash !== undefined && cache.read(hash, features, row * dimension)) return;
      const reason = hash === undefined ? (images[i] as Error).message : (refused.get(hash)?.message ?? '');
      problems.push({ row, line: rows[row]!.line, reason });
    });
    counts.done += batch.length;
    options.onProgress?.({ done: counts.done, total: rows.length, cached: counts.cached });
  };

  let next = 0;
  let failure: unknown;
  const worker = async () => {
    while (next < rows.length && failure === undefined) {
      const start = next;
      next += BATCH;
      try {
        signal?.throwIfAborted();
        await one(start);
      } catch (error) {
        failure ??= error;
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  await (await opened?.catch(() => undefined))?.close();
  cache.close();
  if (failure !== undefined) throw asAttractorError(failure);
  return {
    ...withoutBad(rows, features, dimension, problems),
    cached: counts.cached,
    embedded: counts.embedded,
  };
}

/** Embeds and caches the images of `missing` (by hash); returns those that cannot be, with the reason. */
async function embedMissing(options: {
  missing: ReadonlyMap<string, Uint8Array>;
  cache: FeatureCache;
  dimension: number;
  embedder: () => Promise<Embedder>;
  signal: AbortSignal | undefined;
}): Promise<Map<string, AttractorError>> {
  const { missing, cache, dimension, embedder, signal } = options;
  const refused = new Map<string, AttractorError>();
  if (missing.size === 0) return refused;
  const open = await embedder();
  const results = await open.embed({ images: [...missing.values()], priority: 'bulk', signal });
  const good: string[] = [];
  const rows = new Float32Array(missing.size * dimension);
  [...missing.keys()].forEach((hash, i) => {
    const result = results[i]!;
    if ('vector' in result) {
      rows.set(result.vector, good.length * dimension);
      good.push(hash);
    } else if (IMAGE_ERRORS.includes(result.error.code)) {
      refused.set(hash, result.error);
    } else {
      throw result.error;
    }
  });
  cache.append(good, rows.subarray(0, good.length * dimension));
  return refused;
}

/** Closes the gaps that bad rows left. */
function withoutBad(
  rows: readonly DatasetRow[],
  features: Float32Array,
  dimension: number,
  problems: readonly (DatasetProblem & { row: number })[],
): Pick<Features, 'rows' | 'features' | 'problems'> {
  const bad = new Set(problems.map(({ row }) => row));
  const kept: DatasetRow[] = [];
  rows.forEach((row, i) => {
    if (bad.has(i)) return;
    features.copyWithin(kept.length * dimension, i * dimension, (i + 1) * dimension);
    kept.push(row);
  });
  return {
    rows: kept,
    features: features.subarray(0, kept.length * dimension),
    problems: problems.toSorted((a, b) => a.row - b.row).map(({ line, reason }) => ({ line, reason })),
  };
}
