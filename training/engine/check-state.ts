// Whether a saved state is of this graph under this optimiser: every engine asks before it goes on from one.

import { AttractorError } from '../../src/errors/error.ts';
import type { EngineState } from './engine.ts';
import type { StateTensor } from './step-program.ts';

/** Throws `checkpoint_invalid` where a tensor is missing, of another length, or unknown. */
export function checkState(expected: readonly StateTensor[], saved: EngineState): void {
  const refuse = (field: string, wanted: string, received: string) => {
    const message = `${field}: expected ${wanted}, received ${received}`;
    throw new AttractorError('checkpoint_invalid', message, { field, expected: wanted, received });
  };
  const unknown = new Set(saved.tensors.keys());
  for (const { name, initial } of expected) {
    const length = saved.tensors.get(name)?.length;
    if (length !== initial.length)
      refuse(name, `${initial.length} numbers`, length === undefined ? 'nothing' : `${length}`);
    unknown.delete(name);
  }
  for (const name of unknown)
    refuse(name, 'no such tensor in this graph', `${saved.tensors.get(name)!.length} numbers`);
}
