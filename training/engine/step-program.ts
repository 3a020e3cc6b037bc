// A training graph with its backward pass, clipping, optimiser and averages: one ONNX graph whose outputs are the inputs
// of its next run. Runs nothing itself.

import type { GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { elementCount } from '../../src/onnx/tensor.ts';
import { addGradients } from '../autodiff/gradients.ts';
import { OPSET, Ops } from '../graph/ops.ts';
import { continueGraph } from '../graph/training-graph.ts';
import { clipGradients } from '../optim/clip.ts';
import { slotsOf } from '../optim/optimizer.ts';
import { addUpdate } from '../optim/update.ts';
import { batchStatistics } from './batch-statistics.ts';
import type { EngineOptions } from './engine.ts';
import { lazyExpand } from './lazy-expand.ts';

export interface StateTensor {
  readonly name: string;
  readonly dims: readonly number[];
  readonly initial: Float32Array;
}

export interface StepProgram {
  readonly model: Uint8Array;
  /** Outputs: the loss, and the next value of each state tensor. */
  readonly loss: string;
  readonly next: Readonly<Record<string, string>>;
}

export interface GradientProgram {
  readonly model: Uint8Array;
  /** Outputs: the loss, and each parameter's gradient. */
  readonly loss: string;
  readonly gradients: Readonly<Record<string, string>>;
}

/** Everything that is carried from step to step: parameters, their slots, their averages, buffers. */
export function stateTensors({ graph, optimizer, ema }: EngineOptions): StateTensor[] {
  const ofParameters = graph.parameters.flatMap(({ name, dims, initial }) => [
    { name, dims, initial },
    ...slotsOf(optimizer).map((slot) => ({
      name: `${name}/${slot}`,
      dims,
      initial: new Float32Array(elementCount(dims)),
    })),
    ...(ema === undefined ? [] : [{ name: `${name}/average`, dims, initial }]),
  ]);
  return [...ofParameters, ...graph.buffers.map(({ name, dims, initial }) => ({ name, dims, initial }))];
}

/**
 * The dims that a parameter, its slots and its average are updated in: as one row, for onnxruntime takes ten times as long to
 * broadcast a number to dims that end in 1, as those of 1x1 convolutions do. Those that are updated row by row keep theirs.
 */
const flatDims = ({ dims, touched }: EngineOptions['graph']['parameters'][number]) =>
  touched === undefined ? [elementCount(dims)] : dims;

/** A whole step. Inputs besides the graph's own and the state: scalars learning_rate, correction1, correction2, and stays with `ema`. */
export function buildStep(options: EngineOptions): StepProgram {
  const { graph, optimizer, ema } = options;
  const builder = continueGraph(batchStatistics(graph.model));
  const ops = new Ops(builder);
  const loss = graph.model.graph.outputs[0]!.name;
  const names = graph.parameters.map(({ name }) => name);
  const gradients = addGradients({ builder, loss, parameters: names });
  const flat = graph.parameters.map(
    (parameter) => [parameter.name, ops.reshape(gradients[parameter.name]!, flatDims(parameter))] as const,
  );
  const applied = clipGradients(ops, Object.fromEntries(flat), options);

  const input = (name: string, dims: readonly number[] = []) =>
    builder.input({ name, type: 'float32', dims });
  const learningRate = input('learning_rate');
  const [correction1, correction2] = [input('correction1'), input('correction2')];
  const stays = ema === undefined ? undefined : input('stays');
  const next: Record<string, string> = {};
  const nextDims = new Map<string, readonly number[]>();
  builder.output(loss, 'float32', []);
  for (const parameter of graph.parameters) {
    const { name, learningRateMultiplier, weightDecayMultiplier = 1, touched } = parameter;
    const dims = flatDims(parameter);
    const slots = slotsOf(optimizer).map((slot) => [slot, input(`${name}/${slot}`, dims)] as const);
    const updated = addUpdate(
      {
        ...{
          ops,
          parameter: ops.reshape(name, dims),
          gradient: applied[name]!,
          slots: Object.fromEntries(slots),
        },
        learningRate:
          learningRateMultiplier === 1 ? learningRate : ops.mul(learningRate, learningRateMultiplier),
        ...{ correction1, correction2, touched },
      },
      { ...optimizer, weightDecay: optimizer.weightDecay * weightDecayMultiplier },
    );
    next[name] = updated.parameter;
    for (const [slot, value] of Object.entries(updated.slots)) next[`${name}/${slot}`] = value;
    for (const value of [updated.parameter, ...Object.values(updated.slots)]) nextDims.set(value, dims);
    if (stays !== undefined) {
      const average = input(`${name}/average`, dims);
      const moved = ops.add(updated.parameter, ops.mul(stays, ops.sub(average, updated.parameter)));
      next[`${name}/average`] = moved;
      nextDims.set(moved, dims);
    }
  }
  for (const { name, next: value } of graph.buffers) next[name] = value;
  const carried = stateTensors(options);
  // A tensor that stays as it is, or takes over another's value, is an input and no output.
  const known = new Set(carried.map(({ name }) => name));
  for (const { name, dims } of carried) {
    const value = next[name]!;
    if (!known.has(value)) builder.output(value, 'float32', nextDims.get(value) ?? dims);
    known.add(value);
  }
  return { model: encode(builder), loss, next };
}

/** Forward and backward alone: a step that had the gradients among its outputs would have to keep them all. */
export function buildGradients({ graph }: EngineOptions): GradientProgram {
  const builder = continueGraph(batchStatistics(graph.model));
  const loss = graph.model.graph.outputs[0]!.name;
  const names = graph.parameters.map(({ name }) => name);
  const gradients = addGradients({ builder, loss, parameters: names });
  builder.output(loss, 'float32', []);
  const dimsOf = new Map(graph.parameters.map(({ name, dims }) => [gradients[name]!, dims]));
  for (const [gradient, dims] of dimsOf) builder.output(gradient, 'float32', dims);
  return { model: encode(builder), loss, gradients };
}

const encode = (builder: GraphBuilder) =>
  encodeModel(lazyExpand(builder.build({ name: 'step', opset: OPSET })));
