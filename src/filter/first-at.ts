// Binary search by a predicate. Not where every row of an index is looked up (src/index/flat.ts): a call for each look costs there.

/** The first of `count` places from which on `holds` is true; `count` where it is nowhere. */
export function firstAt(count: number, holds: (i: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
