// How an epoch did: asks the caller's validation, compares epochs by the monitored number, and looks for collapse.

import { invalid } from '../../src/errors/error.ts';
import { diagnose } from '../../src/metrics/collapse.ts';
import type { TrainNetworkConfig } from './config.ts';
import type { EpochRecord, Validation, Values } from './options.ts';

/** The record of an epoch. `first` is that of epoch 0, where there is one. Throws `invalid_argument` on what cannot be compared. */
export async function judge(
  config: TrainNetworkConfig,
  values: Values,
  training: Pick<EpochRecord, 'epoch' | 'loss' | 'learningRate'>,
  first?: EpochRecord,
): Promise<EpochRecord> {
  const { embeddings, classes, ...validation } = await config.validate(values);
  if (!Number.isFinite(validation.score)) {
    throw invalid('validate().score', 'a finite number', validation.score);
  }
  const record: EpochRecord = {
    ...training,
    ...validation,
    ...look(config, { embeddings, classes }, training, first),
  };
  const monitored = monitoredOf(config, record);
  if (!Number.isFinite(monitored)) {
    const known = ['score', ...Object.keys(record.metrics ?? {})].join(', ');
    throw invalid('monitor', `a finite one of ${known}`, config.monitor);
  }
  return record;
}

function look(
  { network, loss: { options } }: TrainNetworkConfig,
  { embeddings, classes }: Pick<Validation, 'embeddings' | 'classes'>,
  { loss }: Pick<EpochRecord, 'loss'>,
  first: EpochRecord | undefined,
): Pick<EpochRecord, 'spread' | 'warnings'> {
  if (embeddings === undefined) return {};
  const { dimension } = network;
  const { effectiveRank, meanCosine, advice } = diagnose({
    ...{ embeddings, dimension, loss },
    ...(classes === undefined ? {} : { classes }),
    ...(typeof options.margin === 'number' ? { margin: options.margin } : {}),
    ...(first?.spread === undefined ? {} : { before: first.spread }),
  });
  const warnings = advice.length > 0 ? { warnings: advice } : {};
  // No cosine where hardly a row is finite: JSON, and so a checkpoint, could not hold it.
  return Number.isNaN(meanCosine) ? warnings : { spread: { effectiveRank, meanCosine }, ...warnings };
}

type Monitor = Pick<TrainNetworkConfig, 'monitor' | 'mode' | 'minDelta'>;

/** The number that is compared. */
const monitoredOf = ({ monitor }: Monitor, { score, metrics }: EpochRecord): number =>
  monitor === 'score' ? score : (metrics?.[monitor] ?? Number.NaN);

/** Whether `record` is better than `best`, by minDelta where that is not 0. */
export function improves(config: Monitor, record: EpochRecord, best: EpochRecord): boolean {
  const gain = monitoredOf(config, record) - monitoredOf(config, best);
  const along = config.mode === 'max' ? gain : -gain;
  return along > 0 && along >= config.minDelta;
}

/** The `count` best epochs, best first; of equal ones the earlier first. */
export function bestEpochs(config: Monitor, history: readonly EpochRecord[], count: number): EpochRecord[] {
  const sign = config.mode === 'max' ? -1 : 1;
  const key = (record: EpochRecord) => sign * monitoredOf(config, record);
  return history.toSorted((a, b) => key(a) - key(b) || a.epoch - b.epoch).slice(0, count);
}
