// The image pipeline against files whose pixels are known without it: one row per trap.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { PreprocessContract } from '../../src/image/contract.ts';
import { sharp } from '../../src/image/libvips.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { triangleResize } from '../reference/resize.ts';
import { contract, fixture, pixelAt, QUADRANTS, type Rgb } from './fixtures.ts';

const tensorOf = (name: string, changes?: Partial<PreprocessContract>): Promise<Float32Array> =>
  preprocess({ bytes: fixture(name), contract: contract(changes) });

/** The largest difference of any channel between the scene's quadrants (their middles) and `tensor`. */
function sceneError(tensor: Float32Array): number {
  const middles = [12, 8, 36, 8, 12, 24, 36, 24];
  const off = QUADRANTS.flatMap((colour, q) =>
    pixelAt(tensor, 48, middles[2 * q]!, middles[2 * q + 1]!).map((value, c) => Math.abs(value - colour[c]!)),
  );
  return Math.max(...off);
}

describe('the scene, whatever it is wrapped in', () => {
  const lossy = 2; // JPEG at quality 95, AVIF at 80
  const files: ReadonlyArray<readonly [string, number]> = [
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => [`exif-${orientation}.jpg`, lossy] as const),
    ['animated.gif', 0],
    ['animated.webp', 0],
    ['pages.tiff', 0],
    ['scene.avif', lossy],
    // P3 values that a decoder without colour management would be off by 11 with.
    ['p3-8.png', 1],
    ['p3-16.png', 1],
    // Ink is not light: the built-in profile gives within 20 of the source; inverted or unmanaged ink is 60 and more off.
    ['cmyk.jpg', 20],
  ];
  test.each(files)('%s', async (name, tolerance) => {
    expect(sceneError(await tensorOf(name))).toBeLessThanOrEqual(tolerance);
    expect(sceneError(await tensorOf(name, { shrinkOnLoad: true }))).toBeLessThanOrEqual(tolerance);
  });

  test('CMYK JPEG with an embedded profile', async () => {
    // Made here: the profile alone is close to a megabyte.
    const bytes = await sharp(fixture('pages.tiff')).withIccProfile('cmyk').jpeg({ quality: 95 }).toBuffer();
    const metadata = await sharp(bytes).metadata();
    expect([metadata.space, metadata.hasProfile]).toEqual(['cmyk', true]);
    expect(sceneError(await preprocess({ bytes, contract: contract() }))).toBeLessThanOrEqual(25);
  });
});

describe('sample types and transparency', () => {
  const over = (alpha: number, colour: Rgb, background: Rgb): number[] =>
    colour.map((value, c) => alpha * value + (1 - alpha) * background[c]!);
  const white: Rgb = [255, 255, 255];
  const grey = (values: number[]): number[][] => values.map((value) => [value, value, value]);
  const thirds = [0, 1 / 3, 2 / 3, 1];
  // The four stripes of each file, left to right.
  const stripes: Record<string, number[][]> = {
    'grey-16.png': grey([0, 85, 170, 255]),
    'rgb-16.png': [0, 85, 170, 255].map((value) => [value, 128, 255 - value]),
    'one-bit.png': grey([0, 255, 0, 255]),
    'palette.png': [...QUADRANTS.slice(0, 3).map((colour) => [...colour]), [...white]],
    'alpha.png': thirds.map((alpha) => over(alpha, [200, 40, 0], white)),
    'grey-alpha-16.png': thirds.map((alpha) => over(alpha, [32, 32, 32], white)),
  };
  test.each(Object.entries(stripes))('%s', async (name, expected) => {
    const tensor = await tensorOf(name, { width: 32, height: 8 });
    for (const [index, colour] of expected.entries()) {
      const pixel = pixelAt(tensor, 32, 8 * index + 4, 4);
      for (const c of [0, 1, 2])
        expect(Math.abs(pixel[c]! - colour[c]!), `stripe ${index}`).toBeLessThanOrEqual(1);
    }
  });

  test('transparency lies on the background of the contract', async () => {
    const tensor = await tensorOf('alpha.png', { width: 32, height: 8, background: [10, 90, 200] });
    expect(pixelAt(tensor, 32, 4, 4)).toEqual([10, 90, 200]);
  });
});

describe('geometry', () => {
  // ramp.png is 96 x 64 with red = 2 x and green = 3 y: a symmetric kernel over a ramp gives the ramp at its centre.
  const ramp = async (changes: Partial<PreprocessContract>, x: number, y: number): Promise<number[]> =>
    pixelAt(await tensorOf('ramp.png', { width: 16, height: 16, ...changes }), 16, x, y);

  test.each(['linear', 'cubic', 'lanczos3'] as const)('fill stretches both sides: %s', async (kernel) => {
    const [red, green, blue] = await ramp({ fit: 'fill', kernel }, 5, 9);
    expect(Math.abs(red! - 2 * (6 * 5 + 2.5))).toBeLessThanOrEqual(1);
    expect(Math.abs(green! - 3 * (4 * 9 + 1.5))).toBeLessThanOrEqual(1);
    expect(blue).toBe(128);
  });

  test('cover cuts the overhang evenly', async () => {
    const [red, green] = await ramp({ fit: 'cover' }, 5, 9);
    expect(Math.abs(red! - 2 * (16 + 4 * 5 + 1.5))).toBeLessThanOrEqual(1);
    expect(Math.abs(green! - 3 * (4 * 9 + 1.5))).toBeLessThanOrEqual(1);
  });

  test('contain pads with the background', async () => {
    const contain = {
      fit: 'contain',
      width: 24,
      height: 24,
      background: [1, 2, 3] as [number, number, number],
    } as const;
    const tensor = await tensorOf('ramp.png', contain); // 24 x 16 inside 24 x 24
    expect(pixelAt(tensor, 24, 12, 1)).toEqual([1, 2, 3]);
    expect(pixelAt(tensor, 24, 12, 22)).toEqual([1, 2, 3]);
    const [red, green] = pixelAt(tensor, 24, 12, 12);
    expect(Math.abs(red! - 2 * (4 * 12 + 1.5))).toBeLessThanOrEqual(1);
    expect(Math.abs(green! - 3 * (4 * 8 + 1.5))).toBeLessThanOrEqual(1);
  });

  test('one pixel fills the tensor', async () => {
    const tensor = await tensorOf('one-pixel.png', { fit: 'cover' });
    expect(tensor.length).toBe(3 * 48 * 32);
    expect([...new Set(tensor)]).toEqual([10, 20, 30]);
  });

  test('30,000 pixels wide', async () => {
    const stretched = await tensorOf('wide.png');
    expect([pixelAt(stretched, 48, 12, 16), pixelAt(stretched, 48, 36, 16)]).toEqual([
      [60, 60, 60],
      [180, 180, 180],
    ]);
    const cut = await tensorOf('wide.png', { fit: 'cover' });
    expect([pixelAt(cut, 48, 0, 16), pixelAt(cut, 48, 47, 16)]).toEqual([
      [60, 60, 60],
      [180, 180, 180],
    ]);
  });

  test('shrinkOnLoad: false decodes every pixel', async () => {
    // A fine chessboard: libjpeg's scaled decoding and a full decode with the same kernel differ where it aliases.
    const size = 512;
    const board = new Uint8Array(size * size).map((_, i) =>
      ((i % size) * 7 + (i >> 9) * 3) % 11 < 4 ? 255 : 0,
    );
    const bytes = await sharp(board, { raw: { width: size, height: size, channels: 1 } })
      .jpeg()
      .toBuffer();
    const decode = (shrinkOnLoad: boolean, width: number): Promise<Float32Array> =>
      preprocess({ bytes, contract: contract({ shrinkOnLoad, width, height: width }) });
    const full = await decode(false, size);
    const png = await sharp(Uint8Array.from(full.subarray(0, size * size)), {
      raw: { width: size, height: size, channels: 1 },
    })
      .png()
      .toBuffer();
    const viaPng = await preprocess({ bytes: png, contract: contract({ width: 30, height: 30 }) });
    expect(await decode(false, 30)).toEqual(viaPng);
    expect(await decode(true, 30)).not.toEqual(viaPng);
  });
});

describe('a real photograph', () => {
  const model = contract({
    width: 32,
    height: 32,
    fit: 'cover',
    mean: [123.675, 116.28, 103.53],
    std: [58.395, 57.12, 57.375],
  });

  test('agrees with a resampler written down in twenty lines', async () => {
    const full = await tensorOf('photo.jpg', { width: 224, height: 224 });
    const expected = triangleResize(full, 224, 32);
    const actual = await tensorOf('photo.jpg', { width: 32, height: 32 });
    const errors = actual.map((value, i) => Math.abs(value - expected[i]!));
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(1);
    expect(Math.max(...errors)).toBeLessThan(6);
  });

  test('golden tensor: within one level on average and four at worst', async () => {
    const file = fileURLToPath(new URL('../golden/image/photo-32.f32', import.meta.url));
    const golden = new Float32Array(new Uint8Array(readFileSync(file)).buffer);
    const actual = await preprocess({ bytes: fixture('photo.jpg'), contract: model });
    expect(actual.length).toBe(golden.length);
    const levels = actual.map((value, i) => Math.abs(value - golden[i]!) * model.std[Math.floor(i / 1024)]!);
    expect(levels.reduce((sum, level) => sum + level, 0) / levels.length).toBeLessThan(1);
    expect(Math.max(...levels)).toBeLessThan(4);
  });

  test('is normalised per channel', async () => {
    const plain = await preprocess({
      bytes: fixture('photo.jpg'),
      contract: { ...model, mean: [0, 0, 0], std: [1, 1, 1] },
    });
    const normalised = await preprocess({ bytes: fixture('photo.jpg'), contract: model });
    for (let i = 0; i < plain.length; i += 97) {
      const c = Math.floor(i / 1024);
      expect(normalised[i]).toBeCloseTo((plain[i]! - model.mean[c]!) / model.std[c]!, 5);
    }
  });
});

describe('refused, with what was expected and what came', () => {
  const half = (name: string): Uint8Array =>
    fixture(name).subarray(0, Math.floor(fixture(name).length * 0.6));
  const text = (value: string): Uint8Array => new TextEncoder().encode(value);
  const cases: Record<string, readonly [Uint8Array, string]> = {
    'truncated JPEG': [half('photo.jpg'), 'image_undecodable'],
    'truncated PNG': [half('ramp.png'), 'image_undecodable'],
    'truncated WebP': [half('animated.webp'), 'image_undecodable'],
    'truncated GIF': [half('animated.gif'), 'image_undecodable'],
    'truncated AVIF': [half('scene.avif'), 'image_undecodable'],
    'truncated TIFF': [half('pages.tiff'), 'image_undecodable'],
    'JPEG header and nothing else': [fixture('photo.jpg').subarray(0, 20), 'image_undecodable'],
    'PNG signature and rubbish': [text(`\x89PNG\r\n\x1a\n${'rubbish'.repeat(30)}`), 'image_unsupported'],
    'no bytes': [new Uint8Array(), 'image_unsupported'],
    text: [text('hello'), 'image_unsupported'],
    SVG: [text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), 'image_unsupported'],
    'SVG behind an XML declaration': [
      text('<?xml version="1.0"?><svg width="9" height="9"/>'),
      'image_unsupported',
    ],
    PDF: [text('%PDF-1.4\n'), 'image_unsupported'],
    HEIC: [text('\0\0\0\x18ftypheic\0\0\0\0mif1heic'), 'image_unsupported'],
    'float TIFF': [fixture('float.tiff'), 'image_unsupported'],
    'one column too many': [fixture('too-wide.png'), 'image_too_large'],
    'decompression bomb': [fixture('bomb.png'), 'image_too_large'],
  };
  test.each(Object.entries(cases))('%s', async (_name, [bytes, code]) => {
    const error = await preprocess({ bytes, contract: contract() }).catch((thrown) => thrown);
    expect(error).toMatchObject({ name: 'AttractorError', code, field: 'image' });
    expect(error.expected).toBeTruthy();
    expect(error.received).toBeTruthy();
  });

  test('limits are inclusive and can be set', async () => {
    const bytes = fixture('ramp.png');
    const decode = (limits: object): Promise<Float32Array> =>
      preprocess({ bytes, contract: contract(), limits });
    await expect(decode({ bytes: bytes.length, side: 96, pixels: 96 * 64 })).resolves.toHaveLength(
      3 * 48 * 32,
    );
    for (const limits of [{ bytes: bytes.length - 1 }, { side: 95 }, { pixels: 96 * 64 - 1 }]) {
      await expect(decode(limits)).rejects.toMatchObject({ code: 'image_too_large' });
    }
    await expect(decode({ pixel: 1 })).rejects.toMatchObject({ code: 'unknown_option', field: 'pixel' });
  });

  test('libvips cannot load SVG in this process at all', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await expect(sharp(svg).metadata()).rejects.toThrow('unsupported image format');
  });
});
