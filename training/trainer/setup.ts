// What a run is made of before its first step: sampler, graph and the engine of an epoch.

import { invalid } from '../../src/errors/error.ts';
import { createRng, type Rng } from '../../src/math/rng.ts';
import { elementCount } from '../../src/onnx/tensor.ts';
import type { Engine } from '../engine/engine.ts';
import { inParts } from '../engine/partial.ts';
import { buildTrainingGraph, type TrainingGraph } from '../graph/training-graph.ts';
import { chooseOptimizer } from '../optim/optimizer.ts';
import { type RateOptions, rateAt } from '../optim/schedule.ts';
import { SAMPLERS } from '../samplers/index.ts';
import type { Sampler } from '../samplers/sampler.ts';
import type { TrainNetworkConfig } from './config.ts';
import type { Values } from './options.ts';

export interface Setup {
  readonly sampler: Sampler;
  /** What a run returns: the network's parameters and buffers, and the loss's parameters. */
  readonly names: readonly string[];
  /** Goes on to the batches, after the loss's parameters have drawn from it. */
  readonly rng: Rng;
  readonly totalSteps: number;
  /** Of a step, 0 for the first. */
  rate(step: number): number;
  /** Whether an epoch trains the new parameters alone. */
  onlyNew(epoch: number): boolean;
  /** An engine for that epoch, from these values or else the initial ones, with nothing remembered. */
  open(epoch: number, from?: Values): Promise<Engine>;
}

/** Throws `invalid_argument` where a parameter would not be trained as it was declared. */
export function setUp(config: TrainNetworkConfig): Setup {
  const { network, samples, loss, warmupTrains, warmupEpochs, learningRate, schedule } = config;
  const sampler = SAMPLERS[config.sampler]({ ...config, labels: samples.labels });
  const { classes, batch, batchesPerEpoch: stepsPerEpoch } = sampler;
  const rng = createRng(config.seed);
  const context = { rng, classMeans: config.classMeans };
  const ofLoss = loss.parameters({ classes, dimension: network.dimension });
  const initialLoss = Object.fromEntries(ofLoss.map((one) => [one.name, one.initial(context)]));
  const graph = buildTrainingGraph({ network, loss, batch, classes, initialLoss });
  checkGroups(graph, [...network.parameters, ...ofLoss]);

  const totalSteps = config.epochs * stepsPerEpoch;
  const onlyNew = (epoch: number) => warmupTrains === 'new' && epoch <= warmupEpochs;
  const rates: RateOptions = {
    ...{ schedule, learningRate, totalSteps, stepsPerEpoch },
    warmupSteps: warmupEpochs * stepsPerEpoch,
  };
  return {
    ...{ sampler, rng, totalSteps, onlyNew },
    names: [...network.parameters, ...(network.buffers ?? []), ...ofLoss].map(({ name }) => name),
    rate: (step) => (onlyNew(Math.floor(step / stepsPerEpoch) + 1) ? learningRate : rateAt(step, rates)),
    open: (epoch, from) =>
      inParts(config.createEngine)({
        graph: onlyNew(epoch) ? onlyNewOf(startingFrom(graph, from)) : startingFrom(graph, from),
        optimizer: chooseOptimizer(config.optimizer, config.weightDecay),
        clipValue: config.clipValue || undefined,
        clipNorm: config.clipNorm || undefined,
        ema: config.ema || undefined,
        providers: config.providers,
        threads: config.threads,
      }),
  };
}

/** Every declared parameter is trained, under its own name, at a rate above 0. */
function checkGroups(graph: TrainingGraph, declared: readonly { readonly name: string }[]): void {
  const trained = new Map(graph.parameters.map((parameter) => [parameter.name, parameter]));
  for (const { name } of declared) {
    const parameter = trained.get(name);
    if (!parameter) throw invalid(name, 'a parameter that is trained', 'one that is in no group');
    const { dims, initial, learningRateMultiplier: rate, weightDecayMultiplier: decay = 1 } = parameter;
    if (!(rate > 0 && Number.isFinite(rate))) {
      throw invalid(
        `${name}.learningRateMultiplier`,
        'a number above 0 (what is not trained is a buffer)',
        rate,
      );
    }
    if (!(decay >= 0 && Number.isFinite(decay))) {
      throw invalid(`${name}.weightDecayMultiplier`, 'a number of 0 or more', decay);
    }
    if (initial.length !== elementCount(dims)) {
      throw invalid(`${name}.initial`, `${elementCount(dims)} numbers`, initial.length);
    }
  }
  const names = [...graph.parameters, ...graph.buffers].map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice) throw invalid(twice, 'a name of its own for every parameter and buffer', 'two of this name');
}

function startingFrom(graph: TrainingGraph, from: Values | undefined): TrainingGraph {
  const start = <T extends { name: string; initial: Float32Array }>(one: T) => ({
    ...one,
    initial: from?.get(one.name) ?? one.initial,
  });
  return { ...graph, parameters: graph.parameters.map(start), buffers: graph.buffers.map(start) };
}

/** The graph with all but its new parameters standing still. */
function onlyNewOf(graph: TrainingGraph): TrainingGraph {
  const parameters = graph.parameters.filter(({ isNew }) => isNew);
  if (parameters.length === 0) throw invalid('warmupTrains', 'all, where no parameter is new', 'new');
  const still = graph.parameters
    .filter(({ isNew }) => !isNew)
    .map(({ name, dims, initial }) => ({ name, dims, initial, next: name }));
  return { ...graph, parameters, buffers: [...graph.buffers, ...still] };
}
