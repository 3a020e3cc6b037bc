// The engine that lets onnxruntime train: forward, backward and optimiser are one graph (step-program.ts), whose outputs are
// the next step's inputs.

import { elementCount, f32, scalar } from '../../src/onnx/tensor.ts';
import { openSession, type Session } from '../../src/runtime/session.ts';
import { averageDecay, corrections } from '../optim/optimizer.ts';
import { checkState } from './check-state.ts';
import type { Batch, Engine, EngineOptions, EngineState } from './engine.ts';
import { buildGradients, buildStep, type GradientProgram, stateTensors } from './step-program.ts';

/** Opens the session and starts at the graph's initial parameters with empty slots. */
export async function createOrtEngine(options: EngineOptions): Promise<Engine> {
  const { graph, optimizer, ema, providers, threads } = options;
  const program = buildStep(options);
  const session = await openSession({ model: program.model, providers, threads });
  const carried = stateTensors(options);
  const names = new Set(carried.map(({ name }) => name));
  const outputs = [...new Set(Object.values(program.next))].filter((value) => !names.has(value));
  let slopes: Promise<{ program: GradientProgram; session: Session }> | undefined;
  /** As the program has them, which may be flat. */
  const dimsOf = new Map(
    [...session.inputs, ...session.outputs].map(({ name, dims }) => [name, dims as readonly number[]]),
  );
  /** Arrays of the step before the last, that this one may write into: fresh memory each time would cost 7 % of a head step. */
  let spare = new Map<string, Float32Array>();
  /** Whether someone else may hold the present arrays. */
  let seen = true;
  let state: EngineState = { step: 0, tensors: new Map(carried.map(({ name, initial }) => [name, initial])) };

  const feeds = (batch: Batch, learningRate: number) => {
    const next = state.step + 1;
    const [correction1, correction2] = optimizer.kind === 'sgd' ? [1, 1] : corrections(next, optimizer);
    return {
      ...batch,
      ...Object.fromEntries(
        carried.map(({ name }) => [name, f32(dimsOf.get(name)!, state.tensors.get(name)!)]),
      ),
      learning_rate: scalar(learningRate),
      correction1: scalar(correction1),
      correction2: scalar(correction2),
      ...(ema === undefined ? {} : { stays: scalar(averageDecay(next, ema)) }),
    };
  };

  const openGradients = async () => {
    const program = buildGradients(options);
    return { program, session: await openSession({ model: program.model, providers, threads }) };
  };

  return {
    async step(batch, learningRate) {
      const targets = outputs.map((value) => {
        const dims = dimsOf.get(value)!;
        return [value, f32(dims, spare.get(value) ?? new Float32Array(elementCount(dims)))] as const;
      });
      const into = Object.fromEntries([[program.loss, scalar(0)], ...targets]);
      await session.run(feeds(batch, learningRate), into);
      const tensors = new Map(
        carried.map(({ name }) => {
          const value = program.next[name]!;
          return [name, (into[value]?.data as Float32Array) ?? state.tensors.get(value)!];
        }),
      );
      const used = new Set(tensors.values());
      const free = carried.filter(({ name }) => !seen && !used.has(state.tensors.get(name)!));
      spare = new Map(free.map(({ name }) => [program.next[name]!, state.tensors.get(name)!]));
      seen = false;
      state = { step: state.step + 1, tensors };
      return Number(into[program.loss]!.data[0]);
    },
    async gradients(batch) {
      slopes ??= openGradients();
      const { program, session } = await slopes;
      const present = [...graph.parameters, ...graph.buffers].map(
        ({ name, dims }) => [name, f32(dims, state.tensors.get(name)!)] as const,
      );
      const results = await session.run({ ...batch, ...Object.fromEntries(present) });
      const gradients = Object.entries(program.gradients).map(
        ([name, value]) => [name, results[value]!.data as Float32Array] as const,
      );
      return { loss: Number(results[program.loss]!.data[0]), gradients: new Map(gradients) };
    },
    state() {
      seen = true;
      return state;
    },
    restore(saved) {
      checkState(carried, saved);
      state = saved;
      seen = true;
    },
    async close() {
      await Promise.all([session.release(), slopes?.then(({ session }) => session.release())]);
    },
  };
}
