// Separable downscaling with a triangle filter, written down from its definition: the reference for the image pipeline.

/** `image` is CHW, square, `from` pixels a side; the result is `to` pixels a side. */
export function triangleResize(image: Float32Array, from: number, to: number): Float32Array {
  const scale = from / to;
  const weights = Array.from({ length: to }, (_, target) => {
    const centre = (target + 0.5) * scale;
    const row = Array.from({ length: from }, (_, source) =>
      Math.max(0, 1 - Math.abs(source + 0.5 - centre) / scale),
    );
    const sum = row.reduce((a, b) => a + b, 0);
    return row.map((weight) => weight / sum);
  });
  const result = new Float32Array(3 * to * to);
  for (let c = 0; c < 3; c++) {
    for (let y = 0; y < to; y++) {
      for (let x = 0; x < to; x++) {
        let sum = 0;
        for (let j = 0; j < from; j++) {
          if (weights[y]![j] === 0) continue;
          for (let i = 0; i < from; i++) {
            sum += weights[y]![j]! * weights[x]![i]! * image[c * from * from + j * from + i]!;
          }
        }
        result[c * to * to + y * to + x] = sum;
      }
    }
  }
  return result;
}
