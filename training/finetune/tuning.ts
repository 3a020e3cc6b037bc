// One training run of the last part of a backbone on cached activations, and embeddings under what came out of it. Which
// classes, rates and epochs are tried is fine-tune.ts's to say.

import { readFile } from 'node:fs/promises';
import { invalid } from '../../src/errors/error.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { evaluateRetrieval, type RetrievalSet } from '../../src/metrics/retrieval.ts';
import type { LoadedModel } from '../../src/model/load.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession, type Provider } from '../../src/runtime/session.ts';
import type { LinearMap } from '../baselines/linear-map.ts';
import type { Matmul } from '../baselines/matmul.ts';
import type { Activations } from '../features/activations.ts';
import type { Network } from '../graph/network.ts';
import { meansOf } from '../trainer/class-means.ts';
import type { TrainNetworkOptions, TrainNetworkResult, Validation, Values } from '../trainer/options.ts';
import { trainNetwork } from '../trainer/trainer.ts';
import { openNetworkEmbedder } from './embedder.ts';
import { ACTIVATIONS, suffixNetwork, type Tuned, tunedOf } from './network.ts';
import { type SplitBackbone, splitBackbone } from './suffix.ts';

/** What every run on one cut of one data set shares. */
export interface Tuning {
  readonly backbone: LoadedModel;
  /** Where it was cut, as openTuning was told. */
  readonly train: string;
  readonly split: SplitBackbone;
  readonly activations: Activations;
  readonly matmul: Matmul;
  readonly threads?: number;
  readonly providers?: readonly Provider[];
}

/** What the trainer is told as it is. */
export type TunePace = Omit<
  TrainNetworkOptions,
  'network' | 'samples' | 'loss' | 'classMeans' | 'validate' | 'threads' | 'providers'
>;

export interface TuneOptions extends TunePace {
  readonly tuning: Tuning;
  readonly loss: TrainNetworkOptions['loss'];
  /** By number, as `activations.rows` has them: those that are trained on. */
  readonly samples: readonly number[];
  /** Class of every row of `activations.rows`; only those of `samples` and `held` are read. */
  readonly labels: readonly (string | undefined)[];
  /** Of every row too: a held sample looks for samples of other sources. */
  readonly sources?: readonly string[];
  /** Samples that judge every epoch by MAP@R, of other classes. */
  readonly held?: readonly number[];
  /** Without `held`: training stops after this epoch of the schedule and gives its values. */
  readonly stopAfter?: number;
  readonly head: LinearMap;
  readonly headRate: number;
}

export interface TuneResult {
  readonly tuned: Tuned;
  readonly bestEpoch: number;
  readonly history: TrainNetworkResult['history'];
}

/** Throws what trainNetwork throws. */
export async function tune(options: TuneOptions): Promise<TuneResult> {
  const { tuning, loss, samples, labels, sources, held, stopAfter, head, headRate, ...pace } = options;
  const { activations, threads, providers } = tuning;
  if ((held === undefined) === (stopAfter === undefined)) throw invalid('held', 'it or stopAfter', held);
  const network = suffixNetwork({ ...tuning.split, head, headRate });
  const classOf = new Map<string, number>();
  const classes = Int32Array.from(samples, (sample) => {
    const label = labels[sample];
    if (label === undefined)
      throw invalid(`labels[${sample}]`, 'the class of a sample that is trained on', label);
    if (!classOf.has(label)) classOf.set(label, classOf.size);
    return classOf.get(label)!;
  });
  const embedder = await openEmbedder(tuning, network, pace.signal);
  try {
    const rows = Int32Array.from(samples);
    // A pass over all samples, for losses that place parameters of their own by them.
    const places = loss.parameters({ classes: classOf.size, dimension: network.dimension }).length > 0;
    const start = places ? await embedder.embed(initialValues(network), rows) : new Float32Array(0);
    let epoch = 0;
    const judged = Int32Array.from(held ?? []);
    const validate = async (values: Values): Promise<Validation> => {
      // No class is left to ask: the score rises up to the epoch that was chosen, and training stops after it.
      if (stopAfter !== undefined) return { score: epoch <= stopAfter ? epoch : -1 };
      const vectors = await embedder.embed(values, judged);
      const queries = {
        vectors,
        labels: held!.map((sample) => labels[sample]!),
        sources: sources && held!.map((sample) => sources[sample]!),
      };
      return judgeRows(tuning, queries, network.dimension);
    };
    const { best, bestEpoch, history } = await trainNetwork({
      ...pace,
      ...(stopAfter === undefined ? {} : { patience: 1 }),
      ...{ network, loss, threads, providers, validate },
      samples: {
        labels: classes,
        hash: `${activations.hash} ${samples.join()}`,
        batch: (drawn, rng) => {
          const views = drawn.map(() => (activations.views > 1 ? rng.int(activations.views) : 0));
          return {
            [ACTIVATIONS]: activations.read(
              drawn.map((sample) => rows[sample]!),
              views,
            ),
          };
        },
      },
      classMeans: () => meansOf(start, classes, classOf.size, network.dimension),
      onProgress: (progress) => {
        epoch = progress.epoch;
        pace.onProgress?.(progress);
      },
    });
    return { tuned: tunedOf(best, head), bestEpoch, history };
  } finally {
    await embedder.close();
  }
}

/** Unit rows [samples.length, tuned.head.outputs] of what serving would see, but for the rounding of the cache. */
export async function embedTuned(options: EmbedTunedOptions): Promise<Float32Array> {
  const { tuning, tuned, samples, signal } = options;
  const network = tunedNetwork(tuning.split, tuned);
  const embedder = await openEmbedder(tuning, network, signal);
  try {
    return await embedder.embed(initialValues(network), Int32Array.from(samples));
  } finally {
    await embedder.close();
  }
}

/**
 * The same from the images, without a cache and its rounding: what an exported graph is held against. One image at a time:
 * for some dozens of them.
 */
export async function embedTunedExactly(options: EmbedTunedOptions): Promise<Float32Array> {
  const { tuning, tuned, samples, signal } = options;
  const { backbone, train, activations, threads, providers } = tuning;
  const split = await splitBackbone({ backbone, train, precision: 'float32' });
  const { model, input, output } = split.prefix;
  const network = tunedNetwork(split, tuned);
  const contract = backbone.manifest.preprocess;
  const prefix = await openSession({ model: encodeModel(model), threads, providers });
  const embedder = await openNetworkEmbedder({
    ...{ network, threads, providers, signal, batch: 1 },
    read: async ([sample]) => {
      const pixels = await preprocess({ bytes: await readFile(activations.rows[sample!]!.image), contract });
      const result = await prefix.run({ [input]: f32([1, 3, contract.height, contract.width], pixels) });
      return { [ACTIVATIONS]: result[output]! };
    },
  });
  try {
    return await embedder.embed(initialValues(network), Int32Array.from(samples));
  } finally {
    await embedder.close();
    await prefix.release();
  }
}

export interface EmbedTunedOptions {
  readonly tuning: Tuning;
  readonly tuned: Tuned;
  readonly samples: readonly number[];
  readonly signal?: AbortSignal;
}

function tunedNetwork({ prefix, suffix }: SplitBackbone, { weights: trained, head }: Tuned): Network {
  const weights = suffix.weights.map((weight) => ({
    ...weight,
    data: trained.get(weight.name) ?? weight.data,
  }));
  return suffixNetwork({ prefix, suffix: { ...suffix, weights }, head, headRate: 1 });
}

const openEmbedder = ({ activations, threads, providers }: Tuning, network: Network, signal?: AbortSignal) =>
  openNetworkEmbedder({
    ...{ network, threads, providers, signal },
    read: (samples) => ({ [ACTIVATIONS]: activations.read(samples) }),
  });

const initialValues = (network: Network) =>
  new Map(network.parameters.map(({ name, initial }) => [name, initial]));

async function judgeRows({ matmul }: Tuning, queries: RetrievalSet, dimension: number): Promise<Validation> {
  const report = await evaluateRetrieval({ dimension, queries, ks: [1], scores: matmul.scores });
  const metrics = { recallAt1: report.recall.get(1)!.value };
  const classes = new Set(queries.labels).size;
  return { score: report.mapAtR.value, metrics, embeddings: queries.vectors, classes };
}
