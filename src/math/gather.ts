// Rows of a matrix by number, copied together.

/** [count, width] of `from` [any, width]: the rows in this order, then rows of zeros. Nothing is checked. */
export function gatherRows(
  from: Float32Array,
  rows: ArrayLike<number>,
  width: number,
  count = rows.length,
): Float32Array {
  const gathered = new Float32Array(count * width);
  for (let i = 0; i < rows.length; i++) {
    gathered.set(from.subarray(rows[i] * width, (rows[i] + 1) * width), i * width);
  }
  return gathered;
}
