// Verlet's list: all pairs of moving rows within a radius, kept while no row has moved far. Listed are pairs within radius + skin
// of where the rows were when they were listed; as long as none is further than skin/2 from there, no pair within the radius
// is missing. A row that went further is listed anew, alone.

import { NearRows, type NearRowsOptions } from './near-rows.ts';

export interface PairListOptions extends NearRowsOptions {
  readonly skin: number;
  /** Pairs of two rows of one group, `group` rows each in turn, are left out. */
  readonly group: number;
}

export class PairList {
  readonly #options: PairListOptions;
  /** Where the rows were when they were listed. */
  readonly listed: NearRows;
  #pairs: readonly number[] = [];
  #started = false;
  /** Rows that were listed in the last update: how well the skin holds. */
  relisted = 0;

  private constructor(options: PairListOptions, listed: NearRows) {
    this.#options = options;
    this.listed = listed;
  }

  static async open(options: PairListOptions): Promise<PairList> {
    return new PairList(options, await NearRows.open({ ...options, radius: options.radius + options.skin }));
  }

  /** The pairs i · rows + j, each once, for rows at `values` [rows, dimension]: all within the radius, and some beyond. */
  async update(values: Float32Array): Promise<readonly number[]> {
    const { rows, radius, skin, group } = this.#options;
    const far = this.#started ? this.#strayed(values) : Int32Array.from({ length: rows }, (_, i) => i);
    this.#started = true;
    this.relisted = far.length;
    if (far.length === 0) return this.#pairs;
    await this.listed.put(values, far.length === rows ? undefined : far);
    const moved = new Uint8Array(rows);
    for (const row of far) moved[row] = 1;
    const pairs = this.#pairs.filter((pair) => !moved[Math.floor(pair / rows)] && !moved[pair % rows]);
    await this.listed.pairs(far, radius + skin, (i, j) => {
      // Of two that are listed, the lower one brings the pair.
      if (moved[j] && j < i) return;
      if (Math.floor(i / group) !== Math.floor(j / group)) pairs.push(i * rows + j);
    });
    this.#pairs = pairs;
    return pairs;
  }

  release = () => this.listed.release();

  /** Rows further than skin/2 from where they were listed. */
  #strayed(values: Float32Array): Int32Array {
    const { rows, dimension, normalize, skin } = this.#options;
    const { placed } = this.listed;
    const strayed: number[] = [];
    for (let row = 0; row < rows; row++) {
      const from = row * dimension;
      let squares = 0;
      for (let k = from; k < from + dimension; k++) squares += values[k]! ** 2;
      const scale = normalize ? 1 / Math.sqrt(Math.max(squares, 1e-12)) : 1;
      let moved = 0;
      for (let k = from; k < from + dimension; k++) moved += (values[k]! * scale - placed[k]!) ** 2;
      if (moved > (skin / 2) ** 2) strayed.push(row);
    }
    return Int32Array.from(strayed);
  }
}
