// What a training run is made of between two steps, kept as a checkpoint. A run is known by the hash of its data and options:
// another run's checkpoint is refused.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { AttractorError } from '../../src/errors/error.ts';
import type { RngState } from '../../src/math/rng.ts';
import type { EngineState } from '../engine/engine.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { TrainNetworkConfig } from './config.ts';
import type { EpochRecord, Values } from './options.ts';

export interface RunState {
  /** Steps done. The engine counts its own: it starts anew after a warm-up of new parameters. */
  step: number;
  /** The epoch under way, 1 for the first; `epochs + 1` where all are done. */
  epoch: number;
  /** Batches of it that are done. */
  batch: number;
  /** Sum of their losses. */
  lossSum: number;
  /** Random state at the start of the epoch: the batches follow from it. */
  rng: RngState;
  history: EpochRecord[];
  bestEpoch: number;
  /** The values of the best epoch. */
  best: Values;
}

/** Where a run is saved. Without a directory nothing is, and nothing is found. */
export interface RunFiles {
  readonly path?: string;
  /** `sha256:<hex>` over all that decides how the run ends. */
  readonly run: string;
  /** The saved state, undefined where there is none. Throws `checkpoint_invalid` where it is damaged or another run's. */
  load(): Promise<{ state: RunState; engine: EngineState } | undefined>;
  save(state: RunState, engine: EngineState): Promise<void>;
}

const BEST = 'best/';

export function runFiles(config: TrainNetworkConfig): RunFiles {
  const { checkpointDirectory: directory } = config;
  if (!directory) return { run: '', load: async () => undefined, save: async () => {} };
  const run = hashOf(config);
  const path = join(directory, 'training.ckpt');
  return {
    ...{ run, path },
    async load() {
      const checkpoint = await readCheckpoint(path);
      if (!checkpoint) return undefined;
      const header = checkpoint.header as { run?: string; step: number; progress: Omit<RunState, 'best'> };
      if (header.run !== run) throw foreign(path, run, header.run);
      const best = new Map<string, Float32Array>();
      const tensors = new Map<string, Float32Array>();
      for (const [name, value] of checkpoint.tensors) {
        if (name.startsWith(BEST)) best.set(name.slice(BEST.length), value);
        else tensors.set(name, value);
      }
      return { state: { ...header.progress, best }, engine: { step: header.step, tensors } };
    },
    async save({ best, ...progress }, engine) {
      const ofBest = [...best].map(([name, value]) => [BEST + name, value] as const);
      await writeCheckpoint(path, {
        header: { run, step: engine.step, progress },
        tensors: new Map([...engine.tensors, ...ofBest]),
      });
    },
  };
}

const foreign = (path: string, expected: string, received: string | undefined) =>
  new AttractorError(
    'checkpoint_invalid',
    `${path} belongs to a run with other data or options: resume with those, take another folder, or train anew without resume`,
    { field: path, expected, received: String(received) },
  );

function hashOf(config: TrainNetworkConfig): string {
  const { network, samples, loss, classMeans, validate, createEngine, ...rest } = config;
  const { checkpointDirectory, keepTop, resume, signal, onProgress, onEpoch, clock, ...decisive } = rest;
  const names = { network: network.name, loss: [loss.name, loss.options], data: samples.hash };
  const hash = createHash('sha256').update(JSON.stringify({ ...decisive, ...names }));
  const initial = [...network.parameters, ...(network.buffers ?? [])].map((one) => one.initial);
  for (const { buffer, byteOffset, byteLength } of [samples.labels, ...initial])
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return `sha256:${hash.digest('hex')}`;
}
