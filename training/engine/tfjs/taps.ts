// The parts of padded feature maps [batch, height, width, channels] that one tap of a kernel sees at every window, and the way back.
// Made of reshapes and slices: wasm's strided slice is slow, and the library has no gradient for it.

import type { Tensor, Tf } from './load.ts';
import { padded } from './operators/shape.ts';

export type Pair = readonly [number, number];

export interface Grid {
  readonly kernel: Pair;
  readonly strides: Pair;
  /** Windows down and across. The maps have (output - 1) · stride + kernel rows and columns. */
  readonly output: Pair;
}

const extent = ({ kernel, strides, output }: Grid, i: 0 | 1) => (output[i] - 1) * strides[i] + kernel[i];
/** Rows (or columns) of every stride-th one. */
const sparse = (grid: Grid, i: 0 | 1) => Math.ceil(extent(grid, i) / grid.strides[i]);

/** All taps, last axis of the kernel fastest; `at` makes [batch, ...output, channels]. */
export function eachTap(tf: Tf, x: Tensor, grid: Grid): { tap: Pair; at: () => Tensor }[] {
  const phases = split(tf, x, grid);
  const [batch, channels] = [x.shape[0]!, x.shape[3]!];
  return positions(grid.kernel).map((tap) => ({
    tap,
    at: () => {
      const phase = phases[tap[0] % grid.strides[0]]![tap[1] % grid.strides[1]]!;
      const start = [0, Math.floor(tap[0] / grid.strides[0]), Math.floor(tap[1] / grid.strides[1]), 0];
      return tf.slice(phase, start, [batch, ...grid.output, channels]);
    },
  }));
}

export function positions([rows, columns]: Pair): Pair[] {
  return Array.from({ length: rows * columns }, (_, i) => [Math.floor(i / columns), i % columns] as const);
}

/** Every stride-th row and column, for each start below the stride. */
function split(tf: Tf, x: Tensor, grid: Grid): Tensor[][] {
  const [batch, , , channels] = x.shape as [number, number, number, number];
  const [down, across] = grid.strides;
  const [rows, columns] = [sparse(grid, 0), sparse(grid, 1)];
  if (down === 1 && across === 1) return [[x]];
  const whole = padded(
    tf,
    x,
    [0, 0, 0, 0],
    [0, rows * down - x.shape[1]!, columns * across - x.shape[2]!, 0],
  );
  const byRow = tf.reshape(whole, [batch * rows, down, columns * across, channels]);
  return Array.from({ length: down }, (_, a) => {
    const row = tf.slice(byRow, [0, a, 0, 0], [batch * rows, 1, columns * across, channels]);
    const byColumn = tf.reshape(row, [batch * rows * columns, across, channels]);
    return Array.from({ length: across }, (_, b) =>
      tf.reshape(tf.slice(byColumn, [0, b, 0], [batch * rows * columns, 1, channels]), [
        batch,
        rows,
        columns,
        channels,
      ]),
    );
  });
}

/** The other way: adds what every tap gives [batch, ...output, channels] at the places that it saw. */
export function addTaps(tf: Tf, parts: readonly Tensor[], grid: Grid): Tensor {
  const [batch, , , channels] = parts[0]!.shape as [number, number, number, number];
  const [down, across] = grid.strides;
  const [rows, columns] = [sparse(grid, 0), sparse(grid, 1)];
  const sums: (Tensor | undefined)[] = Array(down * across).fill(undefined);
  for (const [i, tap] of positions(grid.kernel).entries()) {
    const [top, left] = [Math.floor(tap[0] / down), Math.floor(tap[1] / across)];
    const bottom = rows - grid.output[0] - top;
    const right = columns - grid.output[1] - left;
    const placed = padded(tf, parts[i]!, [0, top, left, 0], [0, bottom, right, 0]);
    const phase = (tap[0] % down) * across + (tap[1] % across);
    const sofar = sums[phase];
    sums[phase] = sofar ? tf.add(sofar, placed) : placed;
  }
  // A stride above the kernel leaves places that no tap sees.
  const phases = sums.map((sum) => sum ?? tf.zeros([batch, rows, columns, channels]));
  if (phases.length === 1) return phases[0]!;
  const bands = Array.from({ length: down }, (_, a) => {
    const own = phases.slice(a * across, (a + 1) * across);
    const columnwise = tf.stack(
      own.map((one) => tf.reshape(one, [batch * rows * columns, channels])),
      1,
    );
    return tf.reshape(columnwise, [batch * rows, columns * across * channels]);
  });
  const joined = tf.reshape(tf.stack(bands, 1), [batch, rows * down, columns * across, channels]);
  return tf.slice(joined, [0, 0, 0, 0], [batch, extent(grid, 0), extent(grid, 1), channels]);
}

/** stride - 1 zeros between rows and between columns, none after the last. */
export function apart(tf: Tf, x: Tensor, [down, across]: Pair): Tensor {
  const [batch, height, width, channels] = x.shape as [number, number, number, number];
  let result = x;
  if (across > 1) {
    const columns = tf.pad(tf.reshape(result, [batch * height * width, 1, channels]), [
      [0, 0],
      [0, across - 1],
      [0, 0],
    ]);
    result = tf.reshape(columns, [batch, height, width * across, channels]);
  }
  if (down > 1) {
    const rows = tf.pad(tf.reshape(result, [batch * height, 1, width * across * channels]), [
      [0, 0],
      [0, down - 1],
      [0, 0],
    ]);
    result = tf.reshape(rows, [batch, height * down, width * across, channels]);
  }
  if (down === 1 && across === 1) return x;
  return tf.slice(result, [0, 0, 0, 0], [batch, (height - 1) * down + 1, (width - 1) * across + 1, channels]);
}
