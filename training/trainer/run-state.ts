// What a training run is made of between two steps, kept as a checkpoint. A run is known by the hash of its data and options:
// another run's checkpoint is refused.

import { createHash } from 'node:crypto';
import { AttractorError } from '../../src/errors/error.ts';
import type { RngState } from '../../src/math/rng.ts';
import type { EngineState } from '../engine/engine.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint.ts';
import type { EpochRecord } from './options.ts';

export interface RunState {
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
  /** The network's values at the best epoch. */
  best: ReadonlyMap<string, Float32Array>;
}

const BEST = 'best/';

export async function saveRun(
  path: string,
  run: string,
  state: RunState,
  engine: EngineState,
): Promise<void> {
  const { best, ...progress } = state;
  await writeCheckpoint(path, {
    header: { run, step: engine.step, progress },
    tensors: new Map([...engine.tensors, ...[...best].map(([name, value]) => [BEST + name, value] as const)]),
  });
}

/** The saved state, undefined where there is none. Throws `checkpoint_invalid` where it is not of the run `run`. */
export async function loadRun(
  path: string,
  run: string,
): Promise<{ state: RunState; engine: EngineState } | undefined> {
  const checkpoint = await readCheckpoint(path);
  if (!checkpoint) return undefined;
  const header = checkpoint.header as { run: string; step: number; progress: Omit<RunState, 'best'> };
  if (header.run !== run) {
    throw new AttractorError('checkpoint_invalid', `${path} belongs to a run with other data or options`, {
      field: path,
      expected: run,
      received: header.run,
    });
  }
  const best = new Map<string, Float32Array>();
  const tensors = new Map<string, Float32Array>();
  for (const [name, value] of checkpoint.tensors) {
    if (name.startsWith(BEST)) best.set(name.slice(BEST.length), value);
    else tensors.set(name, value);
  }
  return { state: { ...header.progress, best }, engine: { step: header.step, tensors } };
}

/** `sha256:<hex>` over all that decides how a run ends. */
export function runHash(options: object, data: readonly ArrayBufferView[]): string {
  const hash = createHash('sha256').update(JSON.stringify(options));
  for (const { buffer, byteOffset, byteLength } of data)
    hash.update(new Uint8Array(buffer, byteOffset, byteLength));
  return `sha256:${hash.digest('hex')}`;
}
