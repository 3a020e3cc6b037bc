// The frozen prefix run once over a data set: activations of every image and view, cached on disk and read back in batches.
// States the size before it starts. Not the features of a whole backbone (extract.ts).

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { DatasetProblem, DatasetRow } from '../../src/dataset/row.ts';
import { AttractorError, asAttractorError, invalid } from '../../src/errors/error.ts';
import type { PreprocessContract } from '../../src/image/contract.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import type { OnnxModel, Tensor } from '../../src/onnx/model.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession, type Provider } from '../../src/runtime/session.ts';
import {
  type ActivationCache,
  type ActivationShape,
  activationBytes,
  freeBytes,
  openActivationCache,
} from './activation-cache.ts';
import { PLAIN, type View, viewKey, viewPixels } from './views.ts';

export interface ActivationOptions {
  readonly rows: readonly DatasetRow[];
  /** Default: only what serving sees. The first one is what evaluation reads. */
  readonly views?: readonly View[];
  /** Folder of the cache. */
  readonly cache: string;
  /** Images [batch, 3, height, width] to activations [batch, ...dims]. */
  readonly prefix: ActivationShape & {
    readonly model: OnnxModel;
    readonly input: string;
    readonly output: string;
  };
  readonly contract: PreprocessContract;
  readonly threads?: number;
  readonly providers?: readonly Provider[];
  /** Before anything is computed. */
  readonly onPlan?: (plan: ActivationPlan) => void;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
  readonly signal?: AbortSignal;
}

export interface ActivationPlan {
  /** Views to compute and those that are cached. */
  readonly missing: number;
  readonly cached: number;
  /** What the missing ones will take on disk, and what is free there. */
  readonly bytes: number;
  readonly free: number;
}

export interface Activations {
  /** Rows whose image could be read, in order; samples are numbered by these. */
  readonly rows: readonly DatasetRow[];
  readonly problems: readonly DatasetProblem[];
  /** How many views every sample has. */
  readonly views: number;
  /** [samples.length, ...dims]: of each sample the view of that number, the first where `views` is left out. */
  read(samples: Int32Array, views?: Int32Array): Tensor;
  /** Tells these activations, their order included, from others. */
  readonly hash: string;
  close(): void;
}

/** Images of one run of the prefix. */
const BATCH = 8;
/** Files read at a time. */
const AT_ONCE = 32;
const IMAGE_ERRORS: readonly string[] = ['image_undecodable', 'image_unsupported', 'image_too_large'];

/**
 * What was computed before an abort or a crash stays cached. Throws `invalid_argument` where the disk has too little room for
 * what is missing, and `aborted`.
 */
export async function cacheActivations(options: ActivationOptions): Promise<Activations> {
  const { rows, views = [PLAIN], prefix, signal } = options;
  if (views.length === 0) throw invalid('views', 'one view or more', views);
  const problems = new Map<number, string>();
  const hashes = await hashImages(rows, problems, signal);
  const cache = openActivationCache({ folder: options.cache, shape: prefix });
  try {
    const jobs = new Map<string, Job>();
    for (const [row, hash] of hashes.entries()) {
      if (hash === undefined) continue;
      for (const view of views) {
        const key = viewKey(hash, view);
        if (!cache.has(key)) jobs.set(key, { key, row, view });
      }
    }
    plan(options, jobs.size, hashes.filter((hash) => hash !== undefined).length * views.length - jobs.size);
    const refused = jobs.size > 0 ? await compute([...jobs.values()], cache, options) : new Map();
    for (const [row, hash] of hashes.entries()) {
      const missing = hash && views.find((view) => !cache.has(viewKey(hash, view)));
      if (missing) problems.set(row, refused.get(viewKey(hash, missing)) ?? '');
    }
  } catch (error) {
    cache.close();
    throw asAttractorError(error);
  }
  const kept = rows.map((_, row) => row).filter((row) => !problems.has(row));
  const keys = kept.map((row) => views.map((view) => viewKey(hashes[row]!, view)));
  const order = createHash('sha256').update(JSON.stringify([prefix.fingerprint, keys]));
  return {
    rows: kept.map((row) => rows[row]!),
    problems: [...problems]
      .sort(([a], [b]) => a - b)
      .map(([row, reason]) => ({ line: rows[row]!.line, reason })),
    views: views.length,
    read: (samples, which) => cache.read(Array.from(samples, (sample, i) => keys[sample]![which?.[i] ?? 0]!)),
    hash: order.digest('hex'),
    close: cache.close,
  };
}

interface Job {
  readonly key: string;
  readonly row: number;
  readonly view: View;
}

async function hashImages(rows: readonly DatasetRow[], problems: Map<number, string>, signal?: AbortSignal) {
  const hashes = new Array<string | undefined>(rows.length);
  for (let start = 0; start < rows.length; start += AT_ONCE) {
    signal?.throwIfAborted();
    const some = rows.slice(start, start + AT_ONCE).map(async ({ image }, i) => {
      try {
        hashes[start + i] = createHash('sha256')
          .update(await readFile(image))
          .digest('hex');
      } catch (error) {
        problems.set(start + i, (error as Error).message);
      }
    });
    await Promise.all(some);
  }
  return hashes;
}

function plan({ cache, prefix, onPlan }: ActivationOptions, missing: number, cached: number): void {
  const bytes = missing * activationBytes(prefix);
  const free = freeBytes(cache);
  onPlan?.({ missing, cached, bytes, free });
  if (bytes > free) throw invalid('cache', `a folder with ${size(bytes)} free`, `${size(free)} in ${cache}`);
}

const size = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;

/** Computes and caches; returns the reason for every key whose image cannot be decoded. */
async function compute(jobs: readonly Job[], cache: ActivationCache, options: ActivationOptions) {
  const { rows, prefix, contract, threads, providers, signal, onProgress } = options;
  const refused = new Map<string, string>();
  const session = await openSession({ model: encodeModel(prefix.model), threads, providers });
  const decode = (start: number) => {
    const decoded = jobs.slice(start, start + BATCH).map((job) => decodeJob(job, rows[job.row]!, contract));
    const all = Promise.all(decoded);
    // Awaited one turn later: a failure until then is not an unhandled one.
    all.catch(() => {});
    return all;
  };
  try {
    let next = decode(0);
    for (let start = 0; start < jobs.length; start += BATCH) {
      if (signal?.aborted) throw new AttractorError('aborted', 'Caching activations was stopped');
      const decoded = await next;
      // The next images are decoded in libvips' threads while this batch computes.
      next = start + BATCH < jobs.length ? decode(start + BATCH) : Promise.resolve([]);
      const good = decoded.filter(({ pixels }) => pixels !== undefined);
      for (const { key, reason } of decoded) if (reason !== undefined) refused.set(key, reason);
      if (good.length > 0) {
        const each = 3 * contract.height * contract.width;
        const pixels = new Float32Array(good.length * each);
        good.forEach((one, i) => {
          pixels.set(one.pixels!, i * each);
        });
        const dims = [good.length, 3, contract.height, contract.width];
        const results = await session.run({ [prefix.input]: f32(dims, pixels) });
        cache.append(
          good.map(({ key }) => key),
          results[prefix.output]!,
        );
      }
      onProgress?.({ done: Math.min(start + BATCH, jobs.length), total: jobs.length });
    }
  } finally {
    await session.release();
  }
  return refused;
}

async function decodeJob({ key, view }: Job, { image }: DatasetRow, contract: PreprocessContract) {
  try {
    return { key, pixels: await viewPixels({ bytes: await readFile(image), contract, view }) };
  } catch (error) {
    if (!(error instanceof AttractorError && IMAGE_ERRORS.includes(error.code))) throw error;
    return { key, reason: error.message };
  }
}
