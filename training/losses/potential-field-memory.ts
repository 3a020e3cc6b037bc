// The memory of the potential field: earlier embeddings that go on acting as charges and feel nothing themselves.

import { invalid } from '../../src/errors/error.ts';
import { attr } from '../../src/onnx/build.ts';
import type { LossBuffer, LossInput } from './loss.ts';
import type { PotentialFieldOptions } from './potential-field-options.ts';

/** Names of the buffers: earlier embeddings, their classes (-1 for none yet), and the steps that were made. */
export const MEMORY = { rows: 'memory', labels: 'memory_labels', age: 'memory_age' };

/** Throws `invalid_argument` where a batch does not fit. */
export function memoryBuffers(o: PotentialFieldOptions, dimension: number, batch: number): LossBuffer[] {
  const { memory, memoryWarmup } = o;
  if (memory === 0) return [];
  if (memory < batch) throw invalid('memory', `0, or ${batch} (a batch) and more`, memory);
  const buffers = [
    { name: MEMORY.rows, dims: [memory, dimension], initial: () => new Float32Array(memory * dimension) },
    { name: MEMORY.labels, dims: [memory], initial: () => new Float32Array(memory).fill(-1) },
  ];
  if (memoryWarmup === 0) return buffers;
  return [...buffers, { name: MEMORY.age, dims: [1], initial: () => new Float32Array(1) }];
}

/** The oldest batch goes, this one comes. */
export function remember({ ops, embeddings, labels, batch, buffers }: LossInput, o: PotentialFieldOptions) {
  const float = ops.node('Cast', [labels], { to: attr.int(ops.type === 'float64' ? 11 : 1) });
  const pushed = (old: string, fresh: string) => ops.concat([ops.slice(old, 0, batch, o.memory), fresh], 0);
  return {
    [MEMORY.rows]: pushed(buffers[MEMORY.rows]!, embeddings),
    [MEMORY.labels]: pushed(buffers[MEMORY.labels]!, float),
    ...(o.memoryWarmup > 0 && { [MEMORY.age]: ops.add(buffers[MEMORY.age]!, 1) }),
  };
}

/** int32 [memory]: the class of each earlier embedding that acts in this step, -1 for the others. */
export function memoryClasses({ ops, buffers }: LossInput, o: PotentialFieldOptions): string {
  const labels = buffers[MEMORY.labels]!;
  const acting =
    o.memoryWarmup === 0 ? labels : ops.where(ops.less(buffers[MEMORY.age]!, o.memoryWarmup), -1, labels);
  return ops.node('Cast', [acting], { to: attr.int(6) });
}
