// The engine that lets TensorFlow.js train: the forward graph interpreted operator by operator, gradients by its tape, the
// optimiser's formulas as tensors. On a GPU where @tensorflow/tfjs-node-gpu is installed, else on WebAssembly. States are
// those of the ort engine, so that either goes on from the other's checkpoint.

import { invalid } from '../../src/errors/error.ts';
import { averageDecay, corrections, slotsOf } from '../optim/optimizer.ts';
import { checkState } from './check-state.ts';
import type { Batch, CreateEngine, Engine, EngineOptions, EngineState } from './engine.ts';
import { stateTensors } from './step-program.ts';
import { activate, type Backend, type BackendName, loadBackend, type Tensor } from './tfjs/load.ts';
import { Program } from './tfjs/program.ts';
import { checkFeeds, fromPlain } from './tfjs/tensors.ts';
import { clipGradients, update } from './tfjs/update.ts';

/** An engine on the best backend that works. `providers` and `threads` are for onnxruntime and do nothing here. */
export const createTfjsEngine: CreateEngine = (options) => createOn(options);

/** One that takes the first of these backends that works. */
export const tfjsEngineOn =
  (...backends: readonly BackendName[]): CreateEngine =>
  (options) =>
    createOn(options, backends);

async function createOn(options: EngineOptions, backends?: readonly BackendName[]): Promise<Engine> {
  const backend = await loadBackend(backends);
  await activate(backend);
  return new TfjsEngine(options, backend);
}

class TfjsEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #backend: Backend;
  readonly #program: Program;
  readonly #batchInputs: EngineOptions['graph']['model']['graph']['inputs'];
  #tensors = new Map<string, Tensor>();
  #steps = 0;
  /** What state() gave since the last step. */
  #state: EngineState | undefined;
  #open = true;

  constructor(options: EngineOptions, backend: Backend) {
    const { graph } = options;
    this.#options = options;
    this.#backend = backend;
    const carried = new Set([...graph.parameters, ...graph.buffers].map(({ name }) => name));
    this.#batchInputs = graph.model.graph.inputs.filter(({ name }) => !carried.has(name));
    const touched = graph.parameters.flatMap((parameter) => parameter.touched ?? []);
    this.#program = new Program(backend, graph, [...touched, ...graph.buffers.map(({ next }) => next)]);
    this.#hold(new Map(stateTensors(options).map(({ name, initial }) => [name, initial])));
  }

  async step(batch: Batch, learningRate: number): Promise<number> {
    await this.#ready(batch);
    const { tf } = this.#backend;
    const { loss, gradients, values } = this.#run(batch);
    const next = new Map<string, Tensor>();
    tf.tidy(() => {
      for (const [name, tensor] of this.#next(gradients, values, learningRate)) {
        next.set(name, tf.keep(tensor));
      }
    });
    tf.dispose([...gradients.values(), ...values.values()]);
    for (const [name, tensor] of next) {
      this.#tensors.get(name)!.dispose();
      this.#tensors.set(name, tensor);
    }
    this.#steps += 1;
    this.#state = undefined;
    return this.#read(loss);
  }

  async gradients(batch: Batch) {
    await this.#ready(batch);
    const { loss, gradients, values } = this.#run(batch);
    this.#backend.tf.dispose([...values.values()]);
    const read = new Map<string, Float32Array>();
    for (const [name, gradient] of gradients) {
      read.set(name, (await gradient.data()) as Float32Array);
      gradient.dispose();
    }
    return { loss: await this.#read(loss), gradients: read };
  }

  state(): EngineState {
    // A copy: some backends give the memory that they compute in.
    this.#state ??= {
      step: this.#steps,
      tensors: new Map(
        [...this.#tensors].map(([name, tensor]) => [name, (tensor.dataSync() as Float32Array).slice()]),
      ),
    };
    return this.#state;
  }

  restore(saved: EngineState): void {
    checkState(stateTensors(this.#options), saved);
    this.#hold(saved.tensors);
    this.#steps = saved.step;
    this.#state = saved;
  }

  async close(): Promise<void> {
    this.#open = false;
    this.#program.dispose();
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }

  async #ready(batch: Batch): Promise<void> {
    if (!this.#open) throw invalid('engine', 'an open engine', 'a closed one');
    checkFeeds(this.#batchInputs, batch);
    await activate(this.#backend);
  }

  /** Copies of these numbers become the tensors that the next step starts from. */
  #hold(values: ReadonlyMap<string, Float32Array>): void {
    const { tf } = this.#backend;
    for (const { name, dims } of stateTensors(this.#options)) {
      this.#tensors.get(name)?.dispose();
      const tensor = fromPlain(tf, { type: 'float32', dims, data: values.get(name)!.slice() });
      this.#tensors.set(name, tf.keep(tensor));
    }
  }

  #run(batch: Batch) {
    const { tf } = this.#backend;
    const { graph } = this.#options;
    const inputs = new Map(Object.entries(batch).map(([name, plain]) => [name, fromPlain(tf, plain)]));
    const fed = [...inputs.values()];
    for (const { name } of graph.buffers) inputs.set(name, this.#tensors.get(name)!);
    const parameters = new Map(graph.parameters.map(({ name }) => [name, this.#tensors.get(name)!]));
    try {
      return this.#program.run(parameters, inputs);
    } finally {
      tf.dispose(fed);
    }
  }

  /** New tensors for everything that is carried. */
  #next(
    gradients: ReadonlyMap<string, Tensor>,
    values: ReadonlyMap<string, Tensor>,
    learningRate: number,
  ): Map<string, Tensor> {
    const { tf } = this.#backend;
    const { graph, optimizer, ema, clipValue, clipNorm } = this.#options;
    const step = this.#steps + 1;
    const held = (name: string) => this.#tensors.get(name)!;
    const applied = clipGradients(tf, gradients, { clipValue, clipNorm });
    const next = new Map<string, Tensor>();
    for (const { name, learningRateMultiplier, weightDecayMultiplier = 1, touched } of graph.parameters) {
      const slots = Object.fromEntries(slotsOf(optimizer).map((slot) => [slot, held(`${name}/${slot}`)]));
      const updated = update(
        tf,
        {
          ...{ parameter: held(name), gradient: applied.get(name)!, slots },
          learningRate: learningRate * learningRateMultiplier,
          corrections: optimizer.kind === 'sgd' ? [1, 1] : corrections(step, optimizer),
          touched: touched === undefined ? undefined : values.get(touched)!,
        },
        { ...optimizer, weightDecay: optimizer.weightDecay * weightDecayMultiplier },
      );
      next.set(name, updated.parameter);
      for (const [slot, value] of Object.entries(updated.slots)) next.set(`${name}/${slot}`, value);
      if (ema !== undefined) {
        const average = held(`${name}/average`);
        const stays = averageDecay(step, ema);
        next.set(
          `${name}/average`,
          tf.add(updated.parameter, tf.mul(tf.sub(average, updated.parameter), stays)),
        );
      }
    }
    // A copy where the next value is one that something else holds as well.
    for (const { name, next: value } of graph.buffers) next.set(name, tf.clone(values.get(value)!));
    return next;
  }

  async #read(loss: Tensor): Promise<number> {
    const [value] = await loss.data();
    loss.dispose();
    return value!;
  }
}
