// What may reach an index: the checks that hnswlib-node itself does not make (it aborts, wraps or answers nonsense).

import { AttractorError, invalid } from '../errors/error.ts';
import type { SearchRequest } from './vector-index.ts';

export const MAX_SLOT = 2 ** 32 - 1;

/** Throws `vector_dimension` or `invalid_argument`. */
export function checkVector(vector: Float32Array, dimension: number): void {
  if (!(vector instanceof Float32Array)) throw invalid('vector', 'a Float32Array', vector);
  if (vector.length !== dimension) {
    throw new AttractorError(
      'vector_dimension',
      `vector: expected ${dimension} components, received ${vector.length}`,
      { field: 'vector', expected: `${dimension} components`, received: String(vector.length) },
    );
  }
  for (let i = 0; i < dimension; i++) {
    if (!Number.isFinite(vector[i])) throw invalid(`vector[${i}]`, 'a finite number', vector[i]);
  }
}

/** `highest` is the last slot given out, -1 for none. */
export function checkSlot(slot: number, highest: number): void {
  if (!Number.isInteger(slot) || slot <= highest || slot > MAX_SLOT) {
    throw invalid('slot', `an integer above ${highest} and at most ${MAX_SLOT}`, slot);
  }
}

export function checkSearch(request: SearchRequest, dimension: number): void {
  checkVector(request.vector, dimension);
  if (!Number.isInteger(request.k) || request.k < 1) throw invalid('k', 'an integer of 1 or more', request.k);
  if (request.ef !== undefined && (!Number.isInteger(request.ef) || request.ef < 1)) {
    throw invalid('ef', 'an integer of 1 or more', request.ef);
  }
}
