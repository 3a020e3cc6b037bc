// Runs a graph under construction, for tests: feeds by name in, values by name out, in either float type.

import type { GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import type { Tensor } from '../../src/onnx/model.ts';
import { openSession } from '../../src/runtime/session.ts';
import { type FloatType, OPSET } from '../../training/graph/ops.ts';

export const floats = (type: FloatType, dims: readonly number[], values: ArrayLike<number>): Tensor => ({
  type,
  dims,
  data: type === 'float64' ? Float64Array.from(values) : Float32Array.from(values),
});

/** Opens the graph once and returns a function that computes `outputs` from feeds. */
export async function compile(builder: GraphBuilder, outputs: readonly string[], type: FloatType) {
  for (const name of new Set(outputs)) builder.output(name, type, ['any']);
  const session = await openSession({
    model: encodeModel(builder.build({ name: 'test', opset: OPSET })),
    threads: 1,
  });
  return {
    async run(feeds: Readonly<Record<string, Tensor>>): Promise<Record<string, number[]>> {
      const results = await session.run(feeds);
      return Object.fromEntries(
        outputs.map((name) => [name, Array.from(results[name]!.data as ArrayLike<number>)]),
      );
    },
    close: () => session.release(),
  };
}
