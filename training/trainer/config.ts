// Defaults and checks of trainNetwork's options.

import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { Provider } from '../../src/runtime/session.ts';
import type { CreateEngine } from '../engine/engine.ts';
import { createOrtEngine } from '../engine/ort.ts';
import { ADAMW, chooseOptimizer, type OptimizerChoice } from '../optim/optimizer.ts';
import { checkSchedule, type Schedule } from '../optim/schedule.ts';
import { SAMPLERS, type SamplerName } from '../samplers/index.ts';
import type { TrainNetworkOptions } from './options.ts';

export const DEFAULTS = {
  epochs: 30,
  sampler: 'm-per-class' as SamplerName,
  classesPerBatch: 25,
  samplesPerClass: 4,
  optimizer: { kind: 'adamw' } as OptimizerChoice,
  learningRate: 3e-3,
  schedule: { kind: 'cosine' } as Schedule,
  warmupEpochs: 0,
  warmupTrains: 'all' as 'all' | 'new',
  weightDecay: ADAMW.weightDecay,
  clipValue: 0,
  clipNorm: 0,
  ema: 0,
  monitor: 'score',
  mode: 'max' as 'max' | 'min',
  minDelta: 0,
  patience: 0,
  seed: 0,
  threads: 1,
  providers: ['cpu'] as readonly Provider[],
  createEngine: createOrtEngine as CreateEngine,
  keepTop: 0,
  resume: false,
};

const OTHERS = 'network samples loss classMeans validate checkpointDirectory signal onProgress onEpoch clock';

export type TrainNetworkConfig = TrainNetworkOptions &
  Required<Pick<TrainNetworkOptions, keyof typeof DEFAULTS>>;

/** Options with every default filled in. Throws `unknown_option` and `invalid_argument`. */
export function checked(options: TrainNetworkOptions): TrainNetworkConfig {
  const set = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  refuseUnknown(set, [...Object.keys(DEFAULTS), ...OTHERS.split(' ')], 'training');
  const config = { ...DEFAULTS, ...set } as TrainNetworkConfig;
  const need = (fits: boolean, field: keyof TrainNetworkConfig, expected: string) => {
    if (!fits) throw invalid(field, expected, config[field]);
  };
  const whole = (field: 'epochs' | 'warmupEpochs' | 'patience' | 'keepTop', least: number) =>
    need(
      Number.isInteger(config[field]) && config[field] >= least,
      field,
      `a whole number of ${least} or more`,
    );
  whole('epochs', 1);
  whole('warmupEpochs', 0);
  whole('patience', 0);
  whole('keepTop', 0);
  for (const field of ['learningRate', 'weightDecay', 'clipValue', 'clipNorm', 'minDelta'] as const) {
    need(config[field] >= 0 && Number.isFinite(config[field]), field, 'a number of 0 or more');
  }
  need(config.ema >= 0 && config.ema < 1, 'ema', 'a number from 0 to below 1');
  need(Object.hasOwn(SAMPLERS, config.sampler), 'sampler', `one of ${Object.keys(SAMPLERS).join(', ')}`);
  need(['all', 'new'].includes(config.warmupTrains), 'warmupTrains', 'all or new');
  need(['max', 'min'].includes(config.mode), 'mode', 'max or min');
  need(config.keepTop === 0 || !!config.checkpointDirectory, 'keepTop', '0 without a checkpointDirectory');
  const ofNetwork = config.network.parameters;
  const onlyNew = config.warmupTrains === 'new' && config.warmupEpochs > 0;
  const someOld = ofNetwork.some((parameter) => !parameter.isNew);
  need(!onlyNew || someOld, 'warmupTrains', 'all, where every parameter of the network is new');
  chooseOptimizer(config.optimizer, config.weightDecay);
  checkSchedule(config.schedule);
  return config;
}
