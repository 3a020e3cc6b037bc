// The engine that lets onnxruntime train: forward, backward and AdamW as one graph, whose outputs are the next step's inputs.

import { AttractorError } from '../../src/errors/error.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { elementCount, f32, scalar } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';
import { addGradients } from '../autodiff/gradients.ts';
import { OPSET, Ops } from '../graph/ops.ts';
import { continueGraph, type TrainingGraph } from '../graph/training-graph.ts';
import { type AdamWOptions, addAdamW, clipGradients, corrections } from '../optim/adamw.ts';
import type { Batch, Engine, EngineOptions, EngineState } from './engine.ts';

/** Opens the session and starts at the graph's initial parameters with zero moments. */
export async function createOrtEngine(options: EngineOptions): Promise<Engine> {
  const { graph, optimizer, clipNorm, providers, threads } = options;
  const program = buildStep(graph, optimizer, clipNorm);
  const session = await openSession({ model: program.model, providers, threads });
  const stateNames = Object.keys(program.next);
  const lossName = program.loss;
  let state = initialState(graph);

  const feeds = (batch: Batch, learningRate: number) => {
    const [first, second] = corrections(state.step + 1, optimizer);
    const tensors = [
      ...graph.parameters.flatMap(({ name, dims }) =>
        [name, `${name}/first`, `${name}/second`].map((key) => [key, f32(dims, state.tensors.get(key)!)]),
      ),
      ...graph.buffers.map(({ name, dims }) => [name, f32(dims, state.tensors.get(name)!)]),
    ];
    return {
      ...batch,
      ...Object.fromEntries(tensors),
      learning_rate: scalar(learningRate),
      correction1: scalar(first),
      correction2: scalar(second),
    };
  };

  return {
    async step(batch, learningRate) {
      const results = await session.run(feeds(batch, learningRate), [
        lossName,
        ...Object.values(program.next),
      ]);
      const tensors = stateNames.map(
        (key) => [key, results[program.next[key]!]!.data as Float32Array] as const,
      );
      state = { step: state.step + 1, tensors: new Map(tensors) };
      return Number(results[lossName]!.data[0]);
    },
    async gradients(batch) {
      const names = Object.entries(program.gradients);
      const results = await session.run(feeds(batch, 0), [lossName, ...names.map(([, value]) => value)]);
      const gradients = new Map(names.map(([name, value]) => [name, results[value]!.data as Float32Array]));
      return { loss: Number(results[lossName]!.data[0]), gradients };
    },
    state: () => state,
    restore(saved) {
      checkState(graph, saved);
      state = saved;
    },
    close: () => session.release(),
  };
}

interface StepProgram {
  readonly model: Uint8Array;
  readonly loss: string;
  /** Output that holds the next value of each state tensor, and of each gradient. */
  readonly next: Readonly<Record<string, string>>;
  readonly gradients: Readonly<Record<string, string>>;
}

/** Forward graph in, whole optimiser step out, as ONNX bytes. */
function buildStep(graph: TrainingGraph, optimizer: AdamWOptions, clipNorm?: number): StepProgram {
  const builder = continueGraph(graph.model);
  const ops = new Ops(builder);
  const loss = graph.model.graph.outputs[0]!.name;
  const names = graph.parameters.map(({ name }) => name);
  const gradients = addGradients({ builder, loss, parameters: names });
  const applied = clipNorm === undefined ? gradients : clipGradients(ops, gradients, clipNorm);

  const input = (name: string, dims: readonly number[] = []) =>
    builder.input({ name, type: 'float32', dims });
  const rate = input('learning_rate');
  const [correction1, correction2] = [input('correction1'), input('correction2')];
  const next: Record<string, string> = {};
  builder.output(loss, 'float32', []);
  for (const { name, dims, learningRateMultiplier, weightDecayMultiplier = 1, touched } of graph.parameters) {
    const updated = addAdamW({
      ops,
      parameter: name,
      gradient: applied[name]!,
      first: input(`${name}/first`, dims),
      second: input(`${name}/second`, dims),
      learningRate: learningRateMultiplier === 1 ? rate : ops.mul(rate, learningRateMultiplier),
      correction1,
      correction2,
      touched,
      options: { ...optimizer, weightDecay: optimizer.weightDecay * weightDecayMultiplier },
    });
    next[name] = updated.parameter;
    next[`${name}/first`] = updated.first;
    next[`${name}/second`] = updated.second;
    for (const output of [gradients[name]!, ...Object.values(updated)])
      builder.output(output, 'float32', dims);
  }
  for (const { name, dims, next: value } of graph.buffers) {
    next[name] = value;
    if (value !== name) builder.output(value, 'float32', dims);
  }
  return { model: encodeModel(builder.build({ name: 'step', opset: OPSET })), loss, next, gradients };
}

function initialState(graph: TrainingGraph): EngineState {
  const tensors = new Map<string, Float32Array>();
  for (const { name, dims, initial } of graph.parameters) {
    tensors.set(name, initial);
    tensors.set(`${name}/first`, new Float32Array(elementCount(dims)));
    tensors.set(`${name}/second`, new Float32Array(elementCount(dims)));
  }
  for (const { name, initial } of graph.buffers) tensors.set(name, initial);
  return { step: 0, tensors };
}

function checkState(graph: TrainingGraph, saved: EngineState): void {
  for (const [name, tensor] of initialState(graph).tensors) {
    const length = saved.tensors.get(name)?.length;
    if (length !== tensor.length) {
      const received = length === undefined ? 'nothing' : `${length}`;
      throw new AttractorError(
        'checkpoint_invalid',
        `${name}: expected ${tensor.length} numbers, received ${received}`,
        {
          field: name,
          expected: `${tensor.length} numbers`,
          received,
        },
      );
    }
  }
}
