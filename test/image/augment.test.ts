// Each transform does what it says on a real image, and nothing else.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { augment, augmentPng, type Transform } from '../../src/image/augment.ts';
import { colourMatrix, recolour } from '../../src/image/colour.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { createRng } from '../../src/math/rng.ts';
import { createAugmentation } from '../../training/augment/augmentation.ts';
import { contract, fixture, pixelAt } from './fixtures.ts';

const golden = (path: string) => fileURLToPath(new URL(`../golden/${path}`, import.meta.url));
const photo = fixture('photo.jpg');
/** A ball on white that does not reach the corners. */
const cutOut = readFileSync(golden('images/basketball.jpg'));
const SIDE = 64;
const square = contract({ width: SIDE, height: SIDE, fit: 'cover' });
const changed = (transform: Transform, bytes: Uint8Array = photo, to = square) =>
  augment({ bytes, contract: to, transform });
const plain = await preprocess({ bytes: photo, contract: square });

const meanOf = (values: Float32Array) => values.reduce((sum, x) => sum + x, 0) / values.length;
const difference = (a: Float32Array, b: Float32Array) => meanOf(a.map((x, i) => Math.abs(x - b[i]!)));
const channel = (tensor: Float32Array, c: number) =>
  tensor.subarray((c * tensor.length) / 3, ((c + 1) * tensor.length) / 3);
/** Mean difference of neighbours along rows: what blur takes away. */
const detail = (tensor: Float32Array) => difference(tensor.subarray(1), tensor.subarray(0, -1));

describe('augment', () => {
  test('changes nothing where nothing is asked for, whatever the contract', async () => {
    expect(await changed({})).toEqual(plain);
    for (const fit of ['contain', 'fill'] as const) {
      const other = contract({ width: 40, height: 24, fit, mean: [10, 20, 30], std: [2, 3, 4] });
      expect(await changed({}, photo, other)).toEqual(await preprocess({ bytes: photo, contract: other }));
    }
  });

  test('flip mirrors, and twice is not at all', async () => {
    const flipped = await changed({ flip: true });
    for (const x of [0, 5, 31, 63])
      expect(pixelAt(flipped, SIDE, x, 9)).toEqual(pixelAt(plain, SIDE, SIDE - 1 - x, 9));
  });

  // ramp.png has red = 2 x and green = 3 y over 96 x 64.
  test('crop takes the window and stretches it', async () => {
    const ramp = contract({ width: 96, height: 64, fit: 'fill' });
    const crop = { x: 0.25, y: 0.5, width: 0.5, height: 0.25 };
    const tensor = await changed({ crop }, fixture('ramp.png'), ramp);
    for (const [x, y] of [
      [10, 10],
      [48, 32],
      [90, 60],
    ] as const) {
      const [red, green, blue] = pixelAt(tensor, 96, x, y);
      expect(Math.abs(red! - 2 * (24 + (x + 0.5) / 2 - 0.5))).toBeLessThanOrEqual(2);
      expect(Math.abs(green! - 3 * (32 + (y + 0.5) / 4 - 0.5))).toBeLessThanOrEqual(2);
      expect(blue).toBe(128);
    }
  });

  test('a small window keeps the detail of the file: it is cut before it is scaled', async () => {
    // The middle quarter at the full 224 px of the file, as a decoder that knows nothing of crops sees it.
    const full = await preprocess({ bytes: photo, contract: { ...square, width: 224, height: 224 } });
    const tensor = await changed({ crop: { x: 80 / 224, y: 80 / 224, width: 64 / 224, height: 64 / 224 } });
    for (const [x, y] of [
      [3, 3],
      [31, 40],
      [60, 12],
    ] as const) {
      pixelAt(tensor, SIDE, x, y).forEach((value, c) => {
        expect(Math.abs(value - pixelAt(full, 224, 80 + x, 80 + y)[c]!)).toBeLessThanOrEqual(3);
      });
    }
  });

  test('blur takes detail and leaves the mean; more takes more', async () => {
    const [little, much] = [await changed({ blur: 0.6 }), await changed({ blur: 3 })];
    expect(detail(little)).toBeLessThan(0.9 * detail(plain));
    expect(detail(much)).toBeLessThan(0.5 * detail(little));
    expect(Math.abs(meanOf(much) - meanOf(plain))).toBeLessThan(2);
  });

  test('jpeg leaves the picture and loses more the lower its quality', async () => {
    const [good, bad] = [await changed({ jpeg: 95 }), await changed({ jpeg: 10 })];
    expect(difference(good, plain)).toBeGreaterThan(0);
    expect(difference(good, plain)).toBeLessThan(4);
    expect(difference(bad, plain)).toBeGreaterThan(2 * difference(good, plain));
    expect(difference(bad, plain)).toBeLessThan(20);
  });

  test('a background on white becomes the gradient; the object stays', async () => {
    const clean = await preprocess({ bytes: cutOut, contract: square });
    const background = { from: [255, 0, 0], to: [0, 0, 255], angle: 0, tolerance: 12 } as const;
    const tensor = await changed({ background }, cutOut);
    const [left, right] = [pixelAt(tensor, SIDE, 0, 0), pixelAt(tensor, SIDE, SIDE - 1, 0)];
    expect(left).toEqual([expect.closeTo(253, -1), 0, expect.closeTo(2, -1)]);
    expect(right).toEqual([expect.closeTo(2, -1), 0, expect.closeTo(253, -1)]);
    for (const at of [20, 32, 44])
      expect(pixelAt(tensor, SIDE, at, 32)).toEqual(pixelAt(clean, SIDE, at, 32));
    const area = SIDE * SIDE;
    const white = (t: Float32Array) =>
      Array.from({ length: area }, (_, i) => Math.min(t[i]!, t[area + i]!, t[2 * area + i]!)).filter(
        (x) => x > 240,
      );
    expect(white(clean).length).toBeGreaterThan(area / 6);
    expect(white(tensor).length).toBeLessThan(area / 200);
  });

  test('a photograph without one-coloured surroundings keeps its background', async () => {
    const background = { from: [255, 0, 0], to: [0, 0, 255], angle: 0, tolerance: 4 } as const;
    const cropped = { x: 0.3, y: 0.3, width: 0.4, height: 0.4 };
    const inner = await augmentPng({ bytes: photo, contract: square, transform: { crop: cropped } });
    expect(await changed({ background }, inner)).toEqual(await changed({}, inner));
  });

  test('the PNG form goes through the embedder’s preprocessing unchanged', async () => {
    const transform: Transform = { crop: { x: 0.1, y: 0, width: 0.6, height: 0.8 }, flip: true, jpeg: 60 };
    const model = contract({ width: 48, height: 32, fit: 'cover', mean: [128, 128, 128], std: [64, 64, 64] });
    const bytes = await augmentPng({ bytes: photo, contract: model, transform });
    expect(await preprocess({ bytes, contract: model })).toEqual(await changed(transform, photo, model));
  });

  test('refuses windows and strengths that do not exist', async () => {
    const crop = { x: 0.5, y: 0, width: 0.6, height: 1 };
    await expect(changed({ crop })).rejects.toThrow(/transform.crop: expected a window/);
    await expect(changed({ blur: 0.1 })).rejects.toThrow(/transform.blur/);
    await expect(changed({ jpeg: 0 })).rejects.toThrow(/transform.jpeg/);
    await expect(changed({ flip: true }, photo.subarray(0, 500))).rejects.toMatchObject({
      code: 'image_undecodable',
    });
  });

  test('golden pixels: the same seed draws the same picture', async () => {
    const all = {
      crop: true,
      flip: true,
      colour: true,
      blur: { probability: 1 },
      jpeg: true,
      background: true,
    };
    const augmentation = createAugmentation(all);
    const small = contract({ width: 32, height: 32, fit: 'cover', kernel: 'cubic' });
    const once = () => changed(augmentation.draw(createRng(2), small), cutOut, small);
    const actual = await once();
    expect(await once()).toEqual(actual);
    // What `once` gave when it was written: RGB planes of 32 x 32 bytes.
    const expected = new Uint8Array(readFileSync(golden('image/augmented-32.u8')));
    expect(actual.length).toBe(expected.length);
    // Another build of libvips or libjpeg may round otherwise.
    const levels = actual.map((value, i) => Math.abs(value - expected[i]!));
    expect(meanOf(levels)).toBeLessThan(1);
  });
});

describe('colour', () => {
  const neutral = { brightness: 1, contrast: 1, saturation: 1, hue: 0 };
  const recoloured = (pixel: readonly number[], changes: Partial<typeof neutral>) => {
    const pixels = Uint8Array.from(pixel);
    recolour(pixels, colourMatrix({ pixels, ...neutral, ...changes }));
    return [...pixels];
  };
  const luma = ([r, g, b]: readonly number[]) => 0.299 * r! + 0.587 * g! + 0.114 * b!;

  test('is the identity where all factors are 1', () => {
    const pixels = Array.from({ length: 768 }, (_, i) => (i * 37) % 256);
    expect(recoloured(pixels, {})).toEqual(pixels);
  });

  test('brightness multiplies and clips', () => {
    expect(recoloured([10, 100, 200], { brightness: 1.5 })).toEqual([15, 150, 255]);
  });

  test('contrast spreads around the mean luma', () => {
    expect(recoloured([100, 100, 100, 40, 40, 40], { contrast: 0.5 })).toEqual([85, 85, 85, 55, 55, 55]);
  });

  test('saturation 0 is grey of the same luma', () => {
    const [r, g, b] = recoloured([200, 100, 50], { saturation: 0 });
    expect([g, b]).toEqual([r, r]);
    expect(Math.abs(r! - luma([200, 100, 50]))).toBeLessThanOrEqual(0.6);
  });

  test('hue turns the colour at equal luma; a full turn is none', () => {
    const turned = recoloured([180, 90, 90], { hue: 1 / 3 });
    expect(turned[0]).toBeLessThan(Math.max(turned[1]!, turned[2]!));
    expect(Math.abs(luma(turned) - luma([180, 90, 90]))).toBeLessThanOrEqual(1);
    expect(recoloured([180, 90, 90], { hue: 1 })).toEqual([180, 90, 90]);
    expect(recoloured([77, 77, 77], { hue: 0.4 })).toEqual([77, 77, 77]);
  });

  test('on a photograph each factor moves what it names', async () => {
    const saturation = (t: Float32Array) => difference(channel(t, 0), channel(t, 2));
    const grey = await changed({ colour: { ...neutral, saturation: 0 } });
    expect(saturation(grey)).toBe(0);
    expect(meanOf(await changed({ colour: { ...neutral, brightness: 0.8 } }))).toBeCloseTo(
      0.8 * meanOf(plain),
      0,
    );
    expect(detail(await changed({ colour: { ...neutral, contrast: 0.5 } }))).toBeLessThan(
      0.6 * detail(plain),
    );
  });
});
