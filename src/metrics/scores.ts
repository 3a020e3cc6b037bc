// Blocks of inner products. The plain loop is the default and the reference; faster providers have the same shape.

export interface ScoreRequest {
  /** [rows, dimension]. */
  readonly queries: Float32Array;
  /** [galleryRows, dimension]; the same array in every call of one evaluation. */
  readonly gallery: Float32Array;
  readonly dimension: number;
}

/** Returns [rows, galleryRows], row-major. */
export type ScoreBlock = (request: ScoreRequest) => Float32Array | Promise<Float32Array>;

/** Four queries share each pass over a gallery row, since reading the gallery is what costs. */
export function plainScores({ queries, gallery, dimension }: ScoreRequest): Float32Array {
  const rows = queries.length / dimension;
  const columns = gallery.length / dimension;
  const out = new Float32Array(rows * columns);
  for (let q = 0; q < rows; q += 4) {
    const [a, b, c, d] = [q, q + 1, q + 2, q + 3].map((row) => Math.min(row, rows - 1) * dimension) as [
      number,
      number,
      number,
      number,
    ];
    for (let g = 0; g < columns; g++) {
      let [sa, sb, sc, sd] = [0, 0, 0, 0];
      for (let i = 0, at = g * dimension; i < dimension; i++, at++) {
        const x = gallery[at]!;
        sa += x * queries[a + i]!;
        sb += x * queries[b + i]!;
        sc += x * queries[c + i]!;
        sd += x * queries[d + i]!;
      }
      out[q * columns + g] = sa;
      if (q + 1 < rows) out[(q + 1) * columns + g] = sb;
      if (q + 2 < rows) out[(q + 2) * columns + g] = sc;
      if (q + 3 < rows) out[(q + 3) * columns + g] = sd;
    }
  }
  return out;
}
