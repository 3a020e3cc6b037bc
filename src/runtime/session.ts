// The only importer of onnxruntime-node: opens ONNX graphs on a provider and runs them on plain tensors.
// `run` blocks the event loop while the graph computes, so servers call it from a child process (src/embed).

import { createRequire } from 'node:module';
import type * as Ort from 'onnxruntime-node';
import { AttractorError, invalid } from '../errors/error.ts';
import type { Tensor, TensorData, TensorType, ValueInfo } from '../onnx/model.ts';
import { ARRAYS, checkTensor } from '../onnx/tensor.ts';
import { cpuHasVnni } from './cpu.ts';

export type Provider = 'cuda' | 'cpu';

export interface SessionOptions {
  /** ONNX bytes. Not held on to once the session is open. */
  readonly model: Uint8Array;
  /** Tried in this order; the first that works is used. Default: `['cpu']`. */
  readonly providers?: readonly Provider[];
  /** Threads inside one operator; one per core by default. */
  readonly threads?: number;
  /**
   * The graph has 8-bit activations (src/onnx/quantise.ts) and is to be computed in integers. Default false: 8-bit
   * weights behind DequantizeLinear become float constants once, when the session opens, instead of in every run: 62 to
   * 51 ms per image for Inception V3 at 224 px on one thread.
   */
  readonly integer?: boolean;
}

export interface Session {
  /** The provider in use, which need not be the first one asked for. */
  readonly provider: Provider;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /**
   * Runs the graph once. `feeds` has every input; `fetches` names the outputs wanted, all by default, or gives
   * tensors to write them into, which share no memory with the feeds. The tensors returned are the caller's.
   * Throws `invalid_argument` on a feed or a tensor that does not fit.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches?: readonly string[] | Readonly<Record<string, Tensor>>,
  ): Promise<Record<string, Tensor>>;
  release(): Promise<void>;
}

/** Without VNNI, x86 sums products of bytes in 16 bits, which overflow: slower kernels keep the sums right there. */
const integerSettings = () => (cpuHasVnni() ? {} : { x64quantprecision: '1' });

const require = createRequire(import.meta.url);
let loaded: typeof Ort | undefined;

/** Loads the native library on first use. What it would print is in the errors it throws as well. */
function ort(): typeof Ort {
  if (!loaded) {
    // Since 1.29 the library reports to its maker and keeps an identifier in the home folder, unless it is told not to before it is
    // loaded; this is the only way to tell it. Who sets it to something else wants that.
    process.env.ORT_DISABLE_TELEMETRY ??= '1';
    loaded = require('onnxruntime-node') as typeof Ort;
    loaded.env.logLevel = 'fatal';
  }
  return loaded;
}

/**
 * Opens a session on the first provider that works. onnxruntime itself throws where a provider is missing, even
 * with others named after it, so the falling back is done here. Throws `provider_unavailable` where none works
 * and `onnx_invalid` where the graph cannot be loaded.
 */
export async function openSession(options: SessionOptions): Promise<Session> {
  const { model, providers = ['cpu'], threads, integer = false } = options;
  if (providers.length === 0) throw invalid('providers', 'at least one of cuda, cpu', providers);
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw invalid('threads', 'a whole number of 1 or more', threads);
  }
  let missing: unknown;
  for (const provider of providers) {
    try {
      const session = await ort().InferenceSession.create(model, {
        executionProviders: [provider],
        ...(threads === undefined ? {} : { intraOpNumThreads: threads, interOpNumThreads: 1 }),
        extra: { session: integer ? integerSettings() : { disable_quant_qdq: '1' } },
      });
      return wrap(session, provider);
    } catch (cause) {
      const { message } = cause as Error;
      if (!isMissingProvider(message)) throw new AttractorError('onnx_invalid', message, { cause });
      missing = cause;
    }
  }
  throw new AttractorError(
    'provider_unavailable',
    `None of these providers works here: ${providers.join(', ')}`,
    {
      field: 'providers',
      expected: 'one that this machine has',
      received: providers.join(', '),
      cause: missing,
    },
  );
}

/** Which providers work on this machine, in order of preference. Tries each one on an empty graph. */
export async function listProviders(): Promise<Provider[]> {
  const working: Provider[] = [];
  for (const provider of ['cuda', 'cpu'] as const) {
    try {
      await ort().InferenceSession.create(new Uint8Array(0), { executionProviders: [provider] });
    } catch (error) {
      if (isMissingProvider((error as Error).message)) continue;
    }
    working.push(provider);
  }
  return working;
}

/** A provider fails when it is appended to the session's options, before the graph is looked at. */
const isMissingProvider = (message: string) =>
  /AppendExecutionProvider|ProviderLibrary|CUDA (failure|error)|no available backend/i.test(message);

function wrap(session: Ort.InferenceSession, provider: Provider): Session {
  const inputs = session.inputMetadata.map(valueInfo);
  const outputs = session.outputMetadata.map(valueInfo);
  let open = true;
  /** Names as they are, tensors as native ones over the same memory. */
  const wanted = (fetches: readonly string[] | Readonly<Record<string, Tensor>>) => {
    if (Array.isArray(fetches)) return fetches as string[];
    const entries = Object.entries(fetches as Readonly<Record<string, Tensor>>);
    return Object.fromEntries(
      entries.map(([name, tensor]) => {
        const output = outputs.find((one) => one.name === name);
        if (!output)
          throw invalid(`fetches.${name}`, `one of ${outputs.map((one) => one.name).join(', ')}`, name);
        return [name, toNative(tensor, output, 'fetches')];
      }),
    );
  };
  return {
    provider,
    inputs,
    outputs,
    async run(feeds, fetches) {
      if (!open) throw invalid('session', 'an open session', 'a released one');
      for (const name of Object.keys(feeds)) {
        if (!inputs.some((input) => input.name === name)) {
          throw invalid(`feeds.${name}`, `one of ${inputs.map((input) => input.name).join(', ')}`, name);
        }
      }
      const native: Record<string, Ort.Tensor> = {};
      for (const input of inputs) native[input.name] = toNative(feeds[input.name], input, 'feeds');
      const results = await (fetches ? session.run(native, wanted(fetches)) : session.run(native));
      return Object.fromEntries(
        Object.entries(results).map(([name, tensor]) => [name, fromNative(tensor, name)]),
      );
    },
    async release() {
      if (!open) return;
      open = false;
      await session.release();
    },
  };
}

function valueInfo(metadata: Ort.InferenceSession.ValueMetadata): ValueInfo {
  if (!metadata.isTensor)
    throw new AttractorError('onnx_unsupported', `value "${metadata.name}" is not a tensor`);
  return { name: metadata.name, type: supported(metadata.type, metadata.name), dims: [...metadata.shape] };
}

function supported(type: string, name: string): TensorType {
  if (!Object.hasOwn(ARRAYS, type))
    throw new AttractorError('onnx_unsupported', `value "${name}" is of type ${type}`);
  return type as TensorType;
}

/** No copy: the native tensor reads, or writes, the caller's array. */
function toNative(tensor: Tensor | undefined, input: ValueInfo, where: 'feeds' | 'fetches'): Ort.Tensor {
  const fits =
    tensor !== undefined &&
    tensor.type === input.type &&
    tensor.dims.length === input.dims.length &&
    input.dims.every((dim, i) => typeof dim === 'string' || dim === tensor.dims[i]);
  if (!fits) {
    const received = tensor === undefined ? undefined : `${tensor.type} [${tensor.dims}]`;
    throw invalid(`${where}.${input.name}`, `${input.type} [${input.dims}]`, received);
  }
  checkTensor(tensor, input.name);
  return new (ort().Tensor)(tensor.type, tensor.data as never, tensor.dims);
}

/** No copy, but a view of 16-bit patterns where the host has a Float16Array of its own. */
function fromNative(tensor: Ort.Tensor, name: string): Tensor {
  const type = supported(tensor.type, name);
  const data = tensor.data as TensorData;
  return {
    type,
    dims: tensor.dims,
    data: data instanceof ARRAYS[type] ? data : new Uint16Array(data.buffer, data.byteOffset, data.length),
  };
}
