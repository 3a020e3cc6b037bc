// What happens when an epoch is over: it is judged and recorded, its values are kept if they are the best so far, or among the
// best that get a file.

import type { TrainNetworkConfig } from './config.ts';
import { bestEpochs, improves, judge } from './judge.ts';
import type { EpochRecord, Values } from './options.ts';
import type { RunFiles, RunState } from './run-state.ts';
import { keepTop } from './top-checkpoints.ts';

export interface EpochEnd {
  readonly config: TrainNetworkConfig;
  readonly files: RunFiles;
  /** Gets the record, and the values if they are the best. */
  readonly state: RunState;
  readonly values: Values;
  readonly training: Pick<EpochRecord, 'epoch' | 'loss' | 'learningRate'>;
  /** By the clock, where there is one. */
  readonly started?: number;
}

/** Throws `invalid_argument` where the validation gives nothing to compare. */
export async function endEpoch(end: EpochEnd): Promise<EpochRecord> {
  const { config, files, state, values, training, started } = end;
  const judged = await judge(config, values, training, state.history[0]);
  const seconds = started === undefined ? undefined : (config.clock!() - started) / 1000;
  const record = seconds === undefined ? judged : { ...judged, seconds };
  const best = state.history[state.bestEpoch];
  if (!best || improves(config, record, best)) {
    state.bestEpoch = record.epoch;
    state.best = values;
  }
  state.history.push(record);
  if (config.keepTop > 0) {
    const top = bestEpochs(config, state.history, config.keepTop);
    await keepTop({ directory: config.checkpointDirectory!, run: files.run, top, present: record, values });
  }
  return record;
}
