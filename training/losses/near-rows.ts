// Which of very many rows lie within a radius of some points: a screen by a lower bound, then the exact distance. Misses none;
// not an approximate index, and not for ranking.

import { gatherRows } from '../../src/math/gather.ts';
import { createRng } from '../../src/math/rng.ts';
import { attr, GraphBuilder } from '../../src/onnx/build.ts';
import { encodeModel } from '../../src/onnx/codec.ts';
import { f32, i64 } from '../../src/onnx/tensor.ts';
import { openSession, type Session } from '../../src/runtime/session.ts';
import { createMatmul, type Matmul } from '../baselines/matmul.ts';
import { OPSET, Ops } from '../graph/ops.ts';

export interface NearRowsOptions {
  readonly rows: number;
  readonly dimension: number;
  /** Rows are brought to unit length. */
  readonly normalize: boolean;
  /** The largest radius that will be asked for. */
  readonly radius: number;
  readonly threads?: number;
}

/** Rows that are screened at a time: their distances to 600 points are 20 MB. */
const BLOCK = 8192;
/** Points of which the pairs are listed at a time. */
const POINTS = 512;

/**
 * The screen: distances in a random subspace are never longer than the true ones (an orthonormal projection), so what is
 * beyond the radius there is beyond it. Of `dimension` numbers about 2 radius² are kept, which leaves random rows out up to
 * three radii away. Rounding is allowed for: a row at the very radius may be listed.
 */
export class NearRows {
  readonly #options: NearRowsOptions;
  /** [rows, dimension] where they were last put, and their projections [rows, kept] (the same array where all is kept). */
  readonly placed: Float32Array;
  readonly #screen: Float32Array;
  readonly #kept: number;
  /** [dimension, kept] */
  readonly #basis: Float32Array | undefined;
  /** Squared lengths of the projections, and of the rows. */
  readonly #screenSquares: Float32Array;
  readonly #squares: Float32Array;
  readonly #matmul: Matmul;
  readonly #nearest: Session;

  private constructor(options: NearRowsOptions, nearest: Session) {
    const { rows, dimension, radius, threads } = options;
    this.#options = options;
    const kept = Math.ceil((2 * radius ** 2 * dimension) / 16) * 16;
    this.#kept = kept > 0.75 * dimension ? dimension : kept;
    this.placed = new Float32Array(rows * dimension);
    this.#squares = new Float32Array(rows);
    const whole = this.#kept === dimension;
    this.#basis = whole ? undefined : orthonormal(dimension, this.#kept);
    this.#screen = whole ? this.placed : new Float32Array(rows * this.#kept);
    this.#screenSquares = whole ? this.#squares : new Float32Array(rows);
    this.#matmul = createMatmul({ threads });
    this.#nearest = nearest;
  }

  static async open(options: NearRowsOptions): Promise<NearRows> {
    return new NearRows(options, await openSession({ model: nearestGraph(), threads: options.threads }));
  }

  /** Puts these rows, or all, where `values` [rows, dimension] has them. */
  async put(values: Float32Array, rows?: Int32Array): Promise<void> {
    const { dimension, normalize } = this.#options;
    const count = rows?.length ?? this.#options.rows;
    for (let from = 0; from < count; from += BLOCK) {
      const to = Math.min(from + BLOCK, count);
      const block = new Float32Array((to - from) * dimension);
      for (let i = from; i < to; i++) {
        const row = rows?.[i] ?? i;
        const at = row * dimension;
        let squares = 0;
        for (let k = at; k < at + dimension; k++) squares += values[k]! ** 2;
        const scale = normalize ? 1 / Math.sqrt(Math.max(squares, 1e-12)) : 1;
        for (let k = 0; k < dimension; k++) this.placed[at + k] = values[at + k]! * scale;
        block.set(this.placed.subarray(at, at + dimension), (i - from) * dimension);
        this.#squares[row] = squares * scale ** 2;
      }
      if (!this.#basis) continue;
      const projected = await this.#project(block, to - from);
      for (let i = from; i < to; i++) {
        const row = rows?.[i] ?? i;
        const part = projected.subarray((i - from) * this.#kept, (i - from + 1) * this.#kept);
        this.#screen.set(part, row * this.#kept);
        this.#screenSquares[row] = part.reduce((sum, x) => sum + x * x, 0);
      }
    }
  }

  /** Rows within `radius` of any of the points [points, dimension], ascending. */
  async near(points: Float32Array, radius: number): Promise<Int32Array> {
    const { dimension } = this.#options;
    const candidates = await this.#candidates(points, radius);
    if (!this.#basis || candidates.length === 0) return candidates;
    const found: number[] = [];
    for (let from = 0; from < candidates.length; from += BLOCK) {
      const block = candidates.subarray(from, from + BLOCK);
      const least = await this.#least(points, dimension, this.#gather(block));
      for (const [i, row] of block.entries()) {
        if (least[i]! + this.#squares[row]! <= this.#limit(radius)) found.push(row);
      }
    }
    return Int32Array.from(found);
  }

  /** Calls `found` with every pair of one of `of` and another row within `radius` of it, once for each end that is in `of`. */
  async pairs(of: Int32Array, radius: number, found: (i: number, j: number) => void): Promise<void> {
    const { dimension } = this.#options;
    const limit = this.#limit(radius);
    for (let from = 0; from < of.length; from += POINTS) {
      const block = of.subarray(from, from + POINTS);
      const points = this.#gather(block);
      const candidates = await this.#candidates(points, radius);
      for (let start = 0; start < candidates.length; start += BLOCK) {
        const others = candidates.subarray(start, start + BLOCK);
        const dots = await this.#matmul.multiply(
          { data: points, rows: block.length, columns: dimension },
          { data: this.#gather(others), rows: others.length, columns: dimension, transposed: true },
        );
        for (const [a, i] of block.entries()) {
          for (const [b, j] of others.entries()) {
            const squared = this.#squares[i]! + this.#squares[j]! - 2 * dots[a * others.length + b]!;
            if (squared <= limit && i !== j) found(i, j);
          }
        }
      }
    }
  }

  async release(): Promise<void> {
    await Promise.all([this.#nearest.release(), this.#matmul.release()]);
  }

  /** A square of the radius that rounding of dot products cannot fall short of. */
  #limit = (radius: number) => radius ** 2 * 1.001 + 1e-4;

  /** Rows that the screen does not rule out. */
  async #candidates(points: Float32Array, radius: number): Promise<Int32Array> {
    const { rows, dimension } = this.#options;
    const count = points.length / dimension;
    if (count === 0) return new Int32Array(0);
    const projected = this.#basis ? await this.#project(points, count) : points;
    const limit = this.#limit(radius);
    const found: number[] = [];
    for (let from = 0; from < rows; from += BLOCK) {
      const to = Math.min(from + BLOCK, rows);
      const block = this.#screen.subarray(from * this.#kept, to * this.#kept);
      const least = await this.#least(projected, this.#kept, block);
      for (let i = from; i < to; i++) {
        if (least[i - from]! + this.#screenSquares[i]! <= limit) found.push(i);
      }
    }
    return Int32Array.from(found);
  }

  /** For every row r the least over the points q of ‖q‖² - 2 q·r. */
  async #least(points: Float32Array, width: number, rows: Float32Array): Promise<Float32Array> {
    const count = points.length / width;
    const squares = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      for (let k = i * width; k < (i + 1) * width; k++) squares[i]! += points[k]! ** 2;
    }
    const { least } = await this.#nearest.run({
      points: f32([count, width], points),
      squares: f32([count, 1], squares),
      rows: f32([rows.length / width, width], rows),
    });
    return least!.data as Float32Array;
  }

  #project(points: Float32Array, count: number): Promise<Float32Array> {
    const { dimension } = this.#options;
    return this.#matmul.multiply(
      { data: points, rows: count, columns: dimension },
      { data: this.#basis!, rows: dimension, columns: this.#kept },
    );
  }

  #gather(rows: Int32Array): Float32Array {
    return gatherRows(this.placed, rows, this.#options.dimension);
  }
}

function nearestGraph(): Uint8Array {
  const builder = new GraphBuilder();
  const ops = new Ops(builder);
  const input = (name: string, dims: readonly string[]) => builder.input({ name, type: 'float32', dims });
  const points = input('points', ['n', 'width']);
  const rows = input('rows', ['m', 'width']);
  const squares = builder.input({ name: 'squares', type: 'float32', dims: ['n', 1] });
  const all = ops.gemm(points, rows, { alpha: -2, transB: true, c: squares });
  const axis = builder.constant(i64([0]));
  builder.node('ReduceMin', [all, axis], { keepdims: attr.int(0) }, { output: 'least' });
  builder.output('least', 'float32', ['m']);
  return encodeModel(builder.build({ name: 'nearest', opset: OPSET }));
}

/** Orthonormal columns [dimension, count] in random directions, always the same ones: Gram-Schmidt twice. */
function orthonormal(dimension: number, count: number): Float32Array {
  const rng = createRng(20250611);
  const columns: Float64Array[] = [];
  while (columns.length < count) {
    const column = Float64Array.from({ length: dimension }, () => rng.normal());
    for (const other of [...columns, ...columns]) {
      let dot = 0;
      for (let k = 0; k < dimension; k++) dot += column[k]! * other[k]!;
      for (let k = 0; k < dimension; k++) column[k]! -= dot * other[k]!;
    }
    const length = Math.hypot(...column);
    columns.push(column.map((x) => x / length));
  }
  return Float32Array.from(
    { length: dimension * count },
    (_, i) => columns[i % count]![Math.floor(i / count)]!,
  );
}
