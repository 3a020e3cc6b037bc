// Arrays of float64 numbers with dims, for the naive reference of ONNX operators. Slow on purpose: one loop over positions, no tricks.

export interface Arr {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

export const size = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1);

/** Calls `visit` for every position of `dims`, last axis fastest. */
export function each(
  dims: readonly number[],
  visit: (position: readonly number[], flat: number) => void,
): void {
  const position = dims.map(() => 0);
  for (let flat = 0; flat < size(dims); flat++) {
    visit(position, flat);
    for (let axis = dims.length - 1; axis >= 0 && ++position[axis]! === dims[axis]; axis--)
      position[axis] = 0;
  }
}

/** An array whose number at every position is what `value` says. */
export function fill(dims: readonly number[], value: (position: readonly number[]) => number): Arr {
  const data = new Float64Array(size(dims));
  each(dims, (position, flat) => {
    data[flat] = value(position);
  });
  return { dims, data };
}

export function offset(dims: readonly number[], position: readonly number[]): number {
  let flat = 0;
  for (let axis = 0; axis < dims.length; axis++) flat = flat * dims[axis]! + position[axis]!;
  return flat;
}

/** The number at a position, by numpy's broadcasting where `x` has fewer axes or axes of size 1. */
export function at(x: Arr, position: readonly number[]): number {
  const lead = position.length - x.dims.length;
  return x.data[
    offset(
      x.dims,
      x.dims.map((dim, axis) => (dim === 1 ? 0 : position[lead + axis]!)),
    )
  ]!;
}

export function broadcastDims(all: readonly Arr[]): number[] {
  const rank = Math.max(...all.map(({ dims }) => dims.length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...all.map(({ dims }) => dims[axis - rank + dims.length] ?? 1)),
  );
}

/** Element by element with broadcasting. */
export function elementwise(compute: (...values: number[]) => number, all: readonly Arr[]): Arr {
  return fill(broadcastDims(all), (position) => compute(...all.map((x) => at(x, position))));
}
