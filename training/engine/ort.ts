// The engine that lets onnxruntime train: forward, backward and optimiser are one graph (step-program.ts), whose outputs are
// the next step's inputs.

import { f32, scalar } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';
import { averageDecay, corrections } from '../optim/optimizer.ts';
import { checkState } from './check-state.ts';
import type { Batch, Engine, EngineOptions, EngineState } from './engine.ts';
import { buildStep, stateTensors } from './step-program.ts';

/** Opens the session and starts at the graph's initial parameters with empty slots. */
export async function createOrtEngine(options: EngineOptions): Promise<Engine> {
  const { optimizer, ema, providers, threads } = options;
  const program = buildStep(options);
  const session = await openSession({ model: program.model, providers, threads });
  const carried = stateTensors(options);
  const names = new Set(carried.map(({ name }) => name));
  let state: EngineState = { step: 0, tensors: new Map(carried.map(({ name, initial }) => [name, initial])) };

  const feeds = (batch: Batch, learningRate: number) => {
    const next = state.step + 1;
    const [correction1, correction2] = optimizer.kind === 'sgd' ? [1, 1] : corrections(next, optimizer);
    return {
      ...batch,
      ...Object.fromEntries(carried.map(({ name, dims }) => [name, f32(dims, state.tensors.get(name)!)])),
      learning_rate: scalar(learningRate),
      correction1: scalar(correction1),
      correction2: scalar(correction2),
      ...(ema === undefined ? {} : { stays: scalar(averageDecay(next, ema)) }),
    };
  };

  return {
    async step(batch, learningRate) {
      const outputs = carried.map(({ name }) => program.next[name]!).filter((value) => !names.has(value));
      const results = await session.run(feeds(batch, learningRate), [program.loss, ...outputs]);
      const tensors = carried.map(({ name }) => {
        const value = program.next[name]!;
        return [name, (results[value]?.data as Float32Array) ?? state.tensors.get(value)!] as const;
      });
      state = { step: state.step + 1, tensors: new Map(tensors) };
      return Number(results[program.loss]!.data[0]);
    },
    async gradients(batch) {
      const wanted = Object.entries(program.gradients);
      const results = await session.run(feeds(batch, 0), [program.loss, ...wanted.map(([, value]) => value)]);
      const gradients = new Map(wanted.map(([name, value]) => [name, results[value]!.data as Float32Array]));
      return { loss: Number(results[program.loss]!.data[0]), gradients };
    },
    state: () => state,
    restore(saved) {
      checkState(carried, saved);
      state = saved;
    },
    close: () => session.release(),
  };
}
