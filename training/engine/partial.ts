// An engine for losses that work on a part of their parameters at a time: before each step it asks the loss for its lists, and
// runs the step on another engine that holds only what they name. All else stays here, in memory, as it is.

import { encodeModel } from '../../src/onnx/codec.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession } from '../../src/runtime/session.ts';
import type { PartialGraph, TrainingGraph } from '../graph/training-graph.ts';
import type { Sizes, StepWork } from '../losses/loss.ts';
import { checkState } from './check-state.ts';
import type { Batch, CreateEngine, Engine, EngineOptions, EngineState } from './engine.ts';
import { stateTensors } from './step-program.ts';

/** Graphs that are kept open: lists of a run have few lengths. */
const MOST_OPEN = 8;

/** `create`, and for a graph that is trained in parts an engine that runs each step on one of those. */
export const inParts =
  (create: CreateEngine): CreateEngine =>
  (options) =>
    options.graph.partial ? openPartial(create, options, options.graph.partial) : create(options);

async function openPartial(
  create: CreateEngine,
  options: EngineOptions,
  partial: PartialGraph,
): Promise<Engine> {
  const { graph, providers, threads } = options;
  const { carried, tensors: initial, owned } = initialState(options);
  const network = await openSession({ model: encodeModel(partial.network), providers, threads });
  const [embeddings] = partial.network.graph.outputs;
  const lists = await partial.open({ threads });
  const engines = new Map<string, OpenEngine>();
  let tensors = initial;
  let step = 0;
  /** Parameters of the loss that the lists have not been told of. */
  let untold = new Set(lossParameters(graph, partial));

  const engineFor = async (sizes: Sizes): Promise<OpenEngine> => {
    const key = JSON.stringify(sizes);
    const part = () => ({ ...options, graph: alike(partial.sized(sizes), graph) });
    const found = engines.get(key) ?? (await openEngine(create, part()));
    // Last used, last to go.
    engines.delete(key);
    engines.set(key, found);
    for (const [old, { engine }] of engines) {
      if (engines.size <= MOST_OPEN) break;
      engines.delete(old);
      await engine.close();
    }
    return found;
  };

  /** The lists of this batch, and an engine at the present state of what they name. */
  const prepare = async (batch: Batch) => {
    for (const name of untold) await lists.moved(name, tensors.get(name)!);
    untold = new Set();
    const feeds = partial.network.graph.inputs.map(({ name, dims }) => {
      const held = tensors.get(name);
      return [name, held ? f32(dims as number[], held) : batch[name]!] as const;
    });
    const made = await network.run(Object.fromEntries(feeds), [embeddings!.name]);
    const work = await lists.lists({
      embeddings: made[embeddings!.name]!.data as Float32Array,
      labels: batch.labels!.data as Int32Array,
      values: tensors,
    });
    const { engine, lengths } = await engineFor(work.sizes);
    const part = new Map(
      carried.map(({ name, dims }) => {
        const rows = rowsOf(work, name);
        const all = tensors.get(name)!;
        return [name, rows ? taken(all, rows, width(dims), lengths.get(name)!) : all] as const;
      }),
    );
    engine.restore({ step, tensors: part });
    return { engine, work, feeds: { ...batch, ...work.feeds } };
  };

  return {
    async step(batch, learningRate) {
      const { engine, work, feeds } = await prepare(batch);
      const loss = await engine.step(feeds, learningRate);
      const after = engine.state().tensors;
      const next = new Map(tensors);
      for (const { name, dims } of carried) {
        const rows = rowsOf(work, name);
        const here = tensors.get(name)!;
        const all = rows && !owned.has(name) ? here.slice() : here;
        if (rows) {
          owned.add(name);
          put(after.get(name)!, rows, width(dims), all);
        }
        next.set(name, rows ? all : after.get(name)!);
      }
      tensors = next;
      step += 1;
      for (const name of lossParameters(graph, partial)) {
        await lists.moved(name, tensors.get(name)!, work.rows[name]);
      }
      return loss;
    },
    async gradients(batch) {
      const { engine, work, feeds } = await prepare(batch);
      const { loss, gradients } = await engine.gradients(feeds);
      const whole = graph.parameters.map(({ name, dims }) => {
        const rows = work.rows[name];
        const gradient = gradients.get(name)!;
        if (!rows) return [name, gradient] as const;
        const all = new Float32Array(tensors.get(name)!.length);
        put(gradient, rows, width(dims), all);
        return [name, all] as const;
      });
      return { loss, gradients: new Map(whole) };
    },
    state() {
      owned.clear();
      return { step, tensors };
    },
    restore(saved: EngineState) {
      checkState(stateTensors(options), saved);
      tensors = new Map(saved.tensors);
      step = saved.step;
      owned.clear();
      untold = new Set(lossParameters(graph, partial));
    },
    async close() {
      await Promise.all([
        network.release(),
        lists.close(),
        ...[...engines.values()].map(({ engine }) => engine.close()),
      ]);
    },
  };
}

interface OpenEngine {
  readonly engine: Engine;
  /** Of each tensor of its state. */
  readonly lengths: ReadonlyMap<string, number>;
}

async function openEngine(create: CreateEngine, options: EngineOptions): Promise<OpenEngine> {
  const lengths = stateTensors(options).map(({ name, initial }) => [name, initial.length] as const);
  return { engine: await create(options), lengths: new Map(lengths) };
}

/** Tensors at their initial values, and the names of those that nobody else holds: they are written into where they are. */
function initialState(options: EngineOptions) {
  const all = stateTensors(options);
  const given = new Set(
    [...options.graph.parameters, ...options.graph.buffers].map(({ initial }) => initial),
  );
  return {
    carried: all.map(({ name, dims }) => ({ name, dims })),
    tensors: new Map(all.map(({ name, initial }) => [name, initial] as const)),
    owned: new Set(all.filter(({ initial }) => !given.has(initial)).map(({ name }) => name)),
  };
}

/** What the graph trains beside the network. */
function lossParameters(graph: TrainingGraph, { network }: PartialGraph): string[] {
  const ofNetwork = new Set(network.graph.inputs.map(({ name }) => name));
  return graph.parameters.map(({ name }) => name).filter((name) => !ofNetwork.has(name));
}

/** The graph of a step with those parameters standing still that the whole graph does not train, either. */
function alike(step: TrainingGraph, whole: TrainingGraph): TrainingGraph {
  const trained = new Set(whole.parameters.map(({ name }) => name));
  const still = step.parameters
    .filter(({ name }) => !trained.has(name))
    .map(({ name, dims, initial }) => ({ name, dims, initial, next: name }));
  const parameters = step.parameters.filter(({ name }) => trained.has(name));
  return { ...step, parameters, buffers: [...step.buffers, ...still] };
}

/** Rows of a tensor that the step holds; a parameter's slots and average go with it. */
const rowsOf = ({ rows }: StepWork, tensor: string): Int32Array | undefined => rows[tensor.split('/')[0]!];

const width = (dims: readonly number[]) => dims.slice(1).reduce((product, size) => product * size, 1);

function taken(from: Float32Array, rows: Int32Array, width: number, length: number): Float32Array {
  const part = new Float32Array(length);
  for (const [i, row] of rows.entries()) part.set(from.subarray(row * width, (row + 1) * width), i * width);
  return part;
}

function put(part: Float32Array, rows: Int32Array, width: number, into: Float32Array): void {
  for (const [i, row] of rows.entries()) into.set(part.subarray(i * width, (i + 1) * width), row * width);
}
