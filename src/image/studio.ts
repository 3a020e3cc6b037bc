// The one-coloured surroundings of a studio shot or cut-out, found from the border inwards and replaced by a gradient. Not
// segmentation: an image whose border is not mostly of one colour stays as it is.

export type Rgb = readonly [number, number, number];

export interface Studio {
  /** Colours at either end of the gradient; equal ones give one colour. */
  readonly from: Rgb;
  readonly to: Rgb;
  /** Direction of the gradient in turns: 0 left to right, 0.25 top to bottom. */
  readonly angle: number;
  /** Largest difference of any channel that still counts as the surroundings' colour. */
  readonly tolerance: number;
}

/** Share of the border that must be of the colour. */
const LEAST_BORDER = 0.5;

interface Picture {
  /** RGB bytes [height, width, 3]. */
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** In place; false where there are no such surroundings. The colour is the median of the border, channel by channel. */
export function replaceStudio(options: Picture & { studio: Studio }): boolean {
  const { pixels, width, height, studio } = options;
  const { from, to, angle, tolerance } = studio;
  const border = borderOf(width, height);
  const colour = [0, 1, 2].map((c) => {
    const values = Uint8Array.from(border, (pixel) => pixels[3 * pixel + c]!).sort();
    return values[values.length >> 1]!;
  });
  const away = (pixel: number) =>
    Math.max(
      Math.abs(pixels[3 * pixel]! - colour[0]!),
      Math.abs(pixels[3 * pixel + 1]! - colour[1]!),
      Math.abs(pixels[3 * pixel + 2]! - colour[2]!),
    );
  const starts = border.filter((pixel) => away(pixel) <= tolerance);
  if (starts.length < LEAST_BORDER * border.length) return false;
  const outside = flood({ width, height, starts, like: (pixel) => away(pixel) <= tolerance });

  const [dx, dy] = [Math.cos(2 * Math.PI * angle) / width, Math.sin(2 * Math.PI * angle) / height];
  const length = Math.abs(dx * width) + Math.abs(dy * height);
  const edges = edgesOf(outside, width, height);
  // Once more: JPEG leaves ripples of the surroundings' colour two pixels wide.
  const second = edgesOf(
    edges.map((edge, pixel) => edge | outside[pixel]!),
    width,
    height,
  );
  for (let pixel = 0; pixel < outside.length; pixel++) {
    if (outside[pixel] === 0 && edges[pixel] === 0 && second[pixel] === 0) continue;
    const along =
      dx * ((pixel % width) + 0.5 - width / 2) + dy * (Math.floor(pixel / width) + 0.5 - height / 2);
    const t = Math.min(1, Math.max(0, 0.5 + along / length));
    // A pixel of the edge shows a part of the old surroundings: that part is replaced.
    const part = outside[pixel] === 1 ? 1 : 1 - away(pixel) / 255;
    for (let c = 0; c < 3; c++) {
      const wanted = from[c]! + t * (to[c]! - from[c]!);
      const at = 3 * pixel + c;
      const value = outside[pixel] === 1 ? wanted : pixels[at]! + part * (wanted - colour[c]!);
      pixels[at] = Math.round(Math.min(255, Math.max(0, value)));
    }
  }
  return true;
}

function borderOf(width: number, height: number): number[] {
  const pixels = new Set<number>();
  for (let x = 0; x < width; x++) pixels.add(x).add((height - 1) * width + x);
  for (let y = 0; y < height; y++) pixels.add(y * width).add(y * width + width - 1);
  return [...pixels];
}

/** 1 for every pixel that hangs together with a start over pixels like it, by sides. */
function flood(options: {
  width: number;
  height: number;
  starts: readonly number[];
  like: (pixel: number) => boolean;
}): Uint8Array {
  const { width, height, starts, like } = options;
  const found = new Uint8Array(width * height);
  const stack = new Int32Array(width * height);
  let size = 0;
  const visit = (pixel: number) => {
    if (found[pixel] === 1 || !like(pixel)) return;
    found[pixel] = 1;
    stack[size++] = pixel;
  };
  starts.forEach(visit);
  while (size > 0) {
    const pixel = stack[--size]!;
    const x = pixel % width;
    if (x > 0) visit(pixel - 1);
    if (x < width - 1) visit(pixel + 1);
    if (pixel >= width) visit(pixel - width);
    if (pixel < width * (height - 1)) visit(pixel + width);
  }
  return found;
}

/** 1 for every pixel inside that touches the outside by a side. */
function edgesOf(outside: Uint8Array, width: number, height: number): Uint8Array {
  return outside.map((out, pixel) => {
    if (out === 1) return 0;
    const x = pixel % width;
    const touches =
      (x > 0 && outside[pixel - 1] === 1) ||
      (x < width - 1 && outside[pixel + 1] === 1) ||
      (pixel >= width && outside[pixel - width] === 1) ||
      (pixel < width * (height - 1) && outside[pixel + width] === 1);
    return touches ? 1 : 0;
  });
}
