// Embeddings under any values of a network's parameters: what validates, starts proxies at class means and scores. Forward
// only; the training step is the engine's.

import { GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32 } from '../../src/onnx/tensor.ts';
import { openSession, type Provider } from '../../src/runtime/session.ts';
import type { Batch } from '../engine/engine.ts';
import type { Network } from '../graph/network.ts';
import { OPSET, Ops } from '../graph/ops.ts';

export interface NetworkEmbedder {
  /** Unit rows [samples.length, network.dimension] under `values`: all of the network's parameters and buffers by name. */
  embed(values: ReadonlyMap<string, Float32Array>, samples: Int32Array): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Opens a session on the network for batches of `batch`; `read` gives the network's inputs for that many samples. */
export async function openNetworkEmbedder(options: {
  network: Network;
  read: (samples: Int32Array) => Batch | Promise<Batch>;
  batch?: number;
  threads?: number;
  providers?: readonly Provider[];
  signal?: AbortSignal;
}): Promise<NetworkEmbedder> {
  const { network, read, batch = 50, threads, providers, signal } = options;
  const builder = new GraphBuilder();
  for (const input of network.inputs(batch)) builder.input(input);
  const values = [...network.parameters, ...(network.buffers ?? [])];
  for (const { name, dims } of values) builder.input({ name, type: 'float32', dims });
  const { embeddings } = network.build(new Ops(builder), batch);
  builder.output(embeddings, 'float32', [batch, network.dimension]);
  const model = encodeModel(builder.build({ name: `${network.name}-embed`, opset: OPSET }));
  const session = await openSession({ model, threads, providers });
  return {
    async embed(given, samples) {
      const feeds = Object.fromEntries(values.map(({ name, dims }) => [name, f32(dims, given.get(name)!)]));
      const rows = new Float32Array(samples.length * network.dimension);
      for (let start = 0; start < samples.length; start += batch) {
        signal?.throwIfAborted();
        // The graph is for whole batches: the last one is filled up with its first sample.
        const some = samples.slice(start, start + batch);
        const full = Int32Array.from({ length: batch }, (_, i) => some[i] ?? some[0]!);
        const result = await session.run({ ...(await read(full)), ...feeds });
        const embedded = result[embeddings]!.data as Float32Array;
        rows.set(embedded.subarray(0, some.length * network.dimension), start * network.dimension);
      }
      return rows;
    },
    close: () => session.release(),
  };
}
