// The options of the embedder, checked, with their defaults.

import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { invalid, refuseUnknown } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import type { ImageLimits } from '../image/inspect.ts';
import type { Precision } from '../model/load.ts';
import type { Provider } from '../runtime/session.ts';
import type { ChildOptions } from './protocol.ts';
import type { TakeOptions } from './queue.ts';

export interface EmbedderOptions {
  /** Model folder. */
  readonly directory: string;
  /** Default fp32. int8 is for CPUs: it wants `providers: ['cpu']`. */
  readonly precision?: Precision;
  /** Default: one per core, at most 4. Each holds its own copy of the weights. */
  readonly processes?: number;
  /** For decoding and for inference. Default 1: on a busy machine two threads lose to one. */
  readonly threadsPerProcess?: number;
  /**
   * Images per batch, 1 to 256. Default 2 on CPU, where larger batches are no faster and a query waits for the batches
   * that are under way (Inception V3 under bulk load: some 90 ms with 2, 350 ms with 8); 32 on CUDA.
   */
  readonly maxBatch?: number;
  /** Of a bulk request. Default 1 on CPU, 32 on CUDA. */
  readonly maxBulkBatch?: number;
  /** How long a batch may wait for company, where the last one had more; see queue.ts. Milliseconds, default 0 on CPU, 2 on CUDA. */
  readonly maxDelay?: number;
  /** Online images that may wait; more are refused with `overloaded`. Default 128. */
  readonly maxQueue?: number;
  /** Bulk images that may wait. Default: any number, since each is a reference to bytes that its caller holds. */
  readonly maxBulkQueue?: number;
  /** Tried in this order. Default: `['cpu']`. */
  readonly providers?: readonly Provider[];
  readonly limits?: Partial<ImageLimits>;
  /** A process that takes longer over a batch is killed. Milliseconds, default 60,000. */
  readonly timeout?: number;
  /** Images after which a process is replaced, because native memory leaks. It works until the new one is ready. Default 100,000. */
  readonly recycleAfter?: number;
  readonly logger?: Logger;
  /** Milliseconds, from any origin. Default: the process's own. */
  readonly clock?: () => number;
}

const KNOWN =
  'directory precision processes threadsPerProcess maxBatch maxBulkBatch maxDelay maxQueue maxBulkQueue providers limits timeout recycleAfter logger clock';

/** Where the caller names none. */
export const BATCHING = {
  cpu: { max: 2, maxBulk: 1, maxDelay: 0 },
  cuda: { max: 32, maxBulk: 32, maxDelay: 2 },
};
export const defaultProcesses = (): number => Math.min(4, availableParallelism());

export interface PoolOptions {
  readonly model: ChildOptions;
  readonly processes: number;
  /** What the provider in use decides where the caller did not. */
  readonly batching: (provider: Provider) => Pick<TakeOptions, 'max' | 'maxBulk' | 'maxDelay'>;
  readonly maxQueue: number;
  readonly maxBulkQueue: number | undefined;
  readonly timeout: number;
  readonly recycleAfter: number;
  readonly logger?: Logger;
  readonly clock?: () => number;
}

/** Throws `invalid_argument` and `unknown_option`. */
export function poolOptions(options: EmbedderOptions): PoolOptions {
  refuseUnknown(options, KNOWN.split(' '), 'createEmbedder');
  const whole = (name: keyof EmbedderOptions, fallback: number, max: number, min = 1): number => {
    const value = options[name] ?? fallback;
    if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max)
      return value as number;
    throw invalid(name, `a whole number from ${min} to ${max}`, value);
  };
  const batchingFor = (fallback: { max: number; maxBulk: number; maxDelay: number }) => ({
    max: whole('maxBatch', fallback.max, 256),
    maxBulk: whole('maxBulkBatch', fallback.maxBulk, 256),
    maxDelay: whole('maxDelay', fallback.maxDelay, 1_000, 0),
  });
  const batching = { cpu: batchingFor(BATCHING.cpu), cuda: batchingFor(BATCHING.cuda) };
  return {
    model: {
      directory: resolve(options.directory),
      precision: options.precision ?? 'fp32',
      providers: options.providers ?? ['cpu'],
      threads: whole('threadsPerProcess', 1, 256),
      limits: options.limits ?? {},
    },
    processes: whole('processes', defaultProcesses(), 256),
    batching: (provider) => batching[provider],
    maxQueue: whole('maxQueue', 128, 1e6),
    maxBulkQueue: options.maxBulkQueue === undefined ? undefined : whole('maxBulkQueue', 1, 1e6),
    timeout: whole('timeout', 60_000, 2 ** 31 - 1),
    recycleAfter: whole('recycleAfter', 100_000, Number.MAX_SAFE_INTEGER),
    logger: options.logger,
    clock: options.clock,
  };
}
