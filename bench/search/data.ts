// Clustered unit vectors like a shop's: categories of styles, a few near-duplicates per product; and queries that are not
// among them. Or vectors of a file.

import { readFileSync } from 'node:fs';
import { createRng } from '../../src/math/rng.ts';

export interface Data {
  readonly name: string;
  readonly dimension: number;
  /** Row by row. */
  readonly rows: Float32Array[];
  readonly queries: Float32Array[];
  /** 0 to 59, by row: what a filter that follows nearness keeps or not. */
  readonly category: number[];
  /** 0 to 1, by row: what a filter that has nothing to do with nearness looks at. */
  readonly dice: number[];
}

/** A row as an item of a collection. */
export function itemOf({ rows, category, dice }: Data, i: number) {
  const title = `chair ${category[i]} number ${i}`;
  const tags = [`colour ${category[i]! % 12}`, ...(dice[i]! < 0.2 ? ['sale'] : [])];
  const reduced = dice[i]! < 0.2 && { reduced: Math.round(100 * dice[i]!) };
  const attributes = { category: category[i]!, dice: dice[i]!, title, ...reduced };
  return { id: String(i), vector: rows[i]!, tags, attributes };
}

const CATEGORIES = 60;
const STYLES = 40;
const RANK = 24;

export function clustered(options: { rows: number; dimension: number; queries: number; seed: number }): Data {
  const { dimension, seed } = options;
  const rng = createRng(seed);
  const direction = () => Float32Array.from({ length: dimension }, () => rng.normal() / Math.sqrt(dimension));
  const categories = Array.from({ length: CATEGORIES }, direction);
  const axes = Array.from({ length: RANK }, direction);
  const styles = Array.from({ length: CATEGORIES * STYLES }, (_, i) => {
    const own = direction();
    return categories[Math.floor(i / STYLES)]!.map((x, j) => x + 0.7 * own[j]!);
  });
  const unit = (v: Float32Array) => {
    const norm = Math.hypot(...v);
    return v.map((x) => x / norm);
  };
  const product = (style: number) => {
    const v = styles[style]!.slice();
    for (const axis of axes) {
      const weight = 0.14 * rng.normal();
      for (let j = 0; j < dimension; j++) v[j]! += weight * axis[j]!;
    }
    return v;
  };
  const view = (of: Float32Array) => unit(of.map((x) => x + (0.12 * rng.normal()) / Math.sqrt(dimension)));
  const rows: Float32Array[] = [];
  const category: number[] = [];
  while (rows.length < options.rows) {
    const style = rng.int(styles.length);
    const shown = product(style);
    for (let views = 1 + rng.int(4); views > 0 && rows.length < options.rows; views--) {
      rows.push(view(shown));
      category.push(Math.floor(style / STYLES));
    }
  }
  const queries = Array.from({ length: options.queries }, () => view(product(rng.int(styles.length))));
  const name = `${options.rows} x ${dimension}, clustered`;
  return { name, dimension, rows, queries, category, dice: rows.map(() => rng.next()) };
}

/** Rows of little-endian f32; every n-th is a query. Categories are nearest of 60 rows drawn at random. */
export function fromFile(options: { file: string; dimension: number; queries: number; seed: number }): Data {
  const { file, dimension, seed } = options;
  const bytes = readFileSync(file);
  const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  const count = Math.floor(all.length / dimension);
  const every = Math.max(2, Math.floor(count / options.queries));
  const rng = createRng(seed);
  const rows: Float32Array[] = [];
  const queries: Float32Array[] = [];
  for (let i = 0; i < count; i++) {
    const vector = all.slice(i * dimension, (i + 1) * dimension);
    (i % every === 0 ? queries : rows).push(vector);
  }
  const centres = Array.from({ length: CATEGORIES }, () => rows[rng.int(rows.length)]!);
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  const category = rows.map((row) => {
    const scores = centres.map((centre) => dot(row, centre));
    return scores.indexOf(Math.max(...scores));
  });
  const name = `${rows.length} x ${dimension}, ${file}`;
  return { name, dimension, rows, queries, category, dice: rows.map(() => rng.next()) };
}
