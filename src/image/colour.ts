// Brightness, contrast, saturation and hue of RGB bytes as one affine map of each pixel.

/** Of ITU-R BT.601, as in torchvision's and PIL's grey. */
const LUMA = [0.299, 0.587, 0.114] as const;

/** Three rows of red, green, blue and a constant. */
export type ColourMatrix = readonly number[];

/**
 * In this order: brightness multiplies; contrast spreads around the mean luma of `pixels`; saturation spreads each pixel
 * around its own luma; hue turns the chroma plane of YIQ, by parts of a full turn. The meaning is torchvision's ColorJitter,
 * but for the hue (turned at constant luma, not in HSV) and for clipping, which happens once, at the end.
 */
export function colourMatrix(options: {
  pixels: Uint8Array;
  brightness: number;
  contrast: number;
  saturation: number;
  hue: number;
}): ColourMatrix {
  const { pixels, brightness, contrast, saturation, hue } = options;
  let mean = 0;
  for (let at = 0; at < pixels.length; at += 3) {
    mean += LUMA[0] * pixels[at]! + LUMA[1] * pixels[at + 1]! + LUMA[2] * pixels[at + 2]!;
  }
  mean *= (3 * brightness) / pixels.length;
  const gain = brightness * contrast;
  const offset = mean * (1 - contrast);

  // In YIQ, saturation scales the chroma (I, Q) and hue turns it; luma stays.
  const [cos, sin] = [saturation * Math.cos(2 * Math.PI * hue), saturation * Math.sin(2 * Math.PI * hue)];
  const toYiq = [LUMA, [0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]];
  const turned = [0, 1, 2].map((c) => [
    toYiq[0]![c]!,
    cos * toYiq[1]![c]! - sin * toYiq[2]![c]!,
    sin * toYiq[1]![c]! + cos * toYiq[2]![c]!,
  ]);
  const toRgb = inverse(toYiq);
  return toRgb.flatMap((row) => [
    ...turned.map((yiq) => gain * (row[0]! * yiq[0]! + row[1]! * yiq[1]! + row[2]! * yiq[2]!)),
    // The offset is grey, which saturation and hue leave alone.
    offset,
  ]);
}

/** In place. */
export function recolour(pixels: Uint8Array, m: ColourMatrix): void {
  const clamped = new Uint8ClampedArray(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let at = 0; at < pixels.length; at += 3) {
    const [r, g, b] = [pixels[at]!, pixels[at + 1]!, pixels[at + 2]!];
    // Assignment rounds and clips.
    clamped[at] = m[0]! * r + m[1]! * g + m[2]! * b + m[3]!;
    clamped[at + 1] = m[4]! * r + m[5]! * g + m[6]! * b + m[7]!;
    clamped[at + 2] = m[8]! * r + m[9]! * g + m[10]! * b + m[11]!;
  }
}

/** Of a 3 x 3 matrix, by cofactors. */
function inverse(m: readonly (readonly number[])[]): number[][] {
  const at = (row: number, column: number) => m[(row + 3) % 3]![(column + 3) % 3]!;
  const cofactor = (row: number, column: number) =>
    at(row + 1, column + 1) * at(row + 2, column + 2) - at(row + 1, column + 2) * at(row + 2, column + 1);
  const determinant = [0, 1, 2].reduce((sum, column) => sum + at(0, column) * cofactor(0, column), 0);
  return [0, 1, 2].map((row) => [0, 1, 2].map((column) => cofactor(column, row) / determinant));
}
