// Qdrant's filters as ours, which differ from them in ids alone: Qdrant's may be integers. What ours does not have is left
// in place, for src/filter to refuse by name.

import type { FilterInput } from '../../src/filter/read.ts';

const CLAUSES = ['must', 'should', 'must_not'];
/** Deeper than any filter that is read. */
const DEPTH = 20;

export function fromQdrantFilter(filter: unknown): FilterInput | undefined {
  return filter === undefined || filter === null ? undefined : (converted(filter, 0) as FilterInput);
}

function converted(node: unknown, depth: number): unknown {
  if (typeof node !== 'object' || node === null || Array.isArray(node) || depth > DEPTH) return node;
  const entries = Object.entries(node)
    // A clause that a client leaves out.
    .filter(([key, value]) => !(CLAUSES.includes(key) && value === null))
    .map(([key, value]): [string, unknown] => {
      if (key === 'has_id' && Array.isArray(value)) return [key, value.map(idText)];
      if (!CLAUSES.includes(key)) return [key, value];
      const list = Array.isArray(value) ? value.map((one) => converted(one, depth + 1)) : undefined;
      return [key, list ?? converted(value, depth + 1)];
    });
  return Object.fromEntries(entries);
}

const idText = (id: unknown): unknown => (Number.isSafeInteger(id) ? String(id) : id);
