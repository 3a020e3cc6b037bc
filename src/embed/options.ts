// The options of the embedder, checked, with their defaults.

import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { invalid, refuseUnknown } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import type { ImageLimits } from '../image/inspect.ts';
import type { Provider } from '../runtime/session.ts';
import type { ChildOptions } from './protocol.ts';

export interface EmbedderOptions {
  /** Model folder. */
  readonly directory: string;
  /** Default: one per core, at most 4. Each holds its own copy of the weights. */
  readonly processes?: number;
  /** For decoding and for inference. Default 1: on a busy machine two threads lose to one. */
  readonly threadsPerProcess?: number;
  /**
   * Images per batch, 1 to 256. Default 2: on one CPU thread larger batches are no faster, and a query waits for
   * the batches that are under way (Inception V3 under bulk load: some 90 ms with 2, 350 ms with 8). A GPU wants 32.
   */
  readonly maxBatch?: number;
  /** Online images that may wait; more are refused with `overloaded`. Bulk images wait without a bound. Default 128. */
  readonly maxQueue?: number;
  /** Tried in this order. Default: `['cpu']`. */
  readonly providers?: readonly Provider[];
  readonly limits?: Partial<ImageLimits>;
  /** A process that takes longer over a batch is killed. Milliseconds, default 60,000. */
  readonly timeout?: number;
  /** Images after which a process is replaced, because native memory leaks. Default 100,000. */
  readonly recycleAfter?: number;
  readonly logger?: Logger;
}

const KNOWN =
  'directory processes threadsPerProcess maxBatch maxQueue providers limits timeout recycleAfter logger';

export interface PoolOptions {
  readonly model: ChildOptions;
  readonly processes: number;
  readonly maxBatch: number;
  readonly maxQueue: number;
  readonly timeout: number;
  readonly recycleAfter: number;
  readonly logger?: Logger;
}

/** Throws `invalid_argument` and `unknown_option`. */
export function poolOptions(options: EmbedderOptions): PoolOptions {
  refuseUnknown(options, KNOWN.split(' '), 'createEmbedder');
  const whole = (name: keyof EmbedderOptions, fallback: number, max: number): number => {
    const value = options[name] ?? fallback;
    if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max) return value as number;
    throw invalid(name, `a whole number from 1 to ${max}`, value);
  };
  return {
    model: {
      directory: resolve(options.directory),
      providers: options.providers ?? ['cpu'],
      threads: whole('threadsPerProcess', 1, 256),
      limits: options.limits ?? {},
    },
    processes: whole('processes', Math.min(4, availableParallelism()), 256),
    maxBatch: whole('maxBatch', 2, 256),
    maxQueue: whole('maxQueue', 128, 1e6),
    timeout: whole('timeout', 60_000, 2 ** 31 - 1),
    recycleAfter: whole('recycleAfter', 100_000, Number.MAX_SAFE_INTEGER),
    logger: options.logger,
  };
}
