// A crop is a part of the upright image, whatever the file says of its rotation.

import { describe, expect, test } from 'vitest';
import { type Crop, cropRegion } from '../../src/image/crop.ts';
import { preprocess } from '../../src/image/preprocess.ts';
import { contract, fixture, pixelAt, QUADRANTS } from './fixtures.ts';

const SIZE = { width: 48, height: 32 };

describe('cropRegion', () => {
  test('pixels as they are, fractions to the nearest pixel', () => {
    expect(cropRegion({ x: 1, y: 2, width: 47, height: 30 }, SIZE)).toEqual({
      left: 1,
      top: 2,
      width: 47,
      height: 30,
    });
    const thirds: Crop = { x: 1 / 3, y: 0.5, width: 2 / 3, height: 0.5, unit: 'fraction' };
    expect(cropRegion(thirds, SIZE)).toEqual({ left: 16, top: 16, width: 32, height: 16 });
    // 0.7 + 0.3 is a little less than 1, 0.1 + 0.2 a little more than 0.3.
    expect(cropRegion({ x: 0.7, y: 0, width: 0.3, height: 1, unit: 'fraction' }, SIZE).width).toBe(14);
  });

  test.each<[Crop, string]>([
    [{ x: 0, y: 0, width: 49, height: 1 }, 'crop'],
    [{ x: 40, y: 0, width: 9, height: 1 }, 'crop'],
    [{ x: 0, y: 32, width: 1, height: 1 }, 'crop'],
    [{ x: 0, y: 0, width: 0, height: 1 }, 'crop.width'],
    [{ x: 0, y: 0, width: 1, height: -1 }, 'crop.height'],
    [{ x: -1, y: 0, width: 1, height: 1 }, 'crop.x'],
    [{ x: 0.5, y: 0, width: 1, height: 1 }, 'crop.x'],
    [{ x: 0, y: Number.NaN, width: 1, height: 1 }, 'crop.y'],
    [{ x: 0.5, y: 0, width: 0.6, height: 1, unit: 'fraction' }, 'crop'],
    [{ x: 0, y: 0, width: 1.5, height: 1, unit: 'fraction' }, 'crop.width'],
    // Less than half a pixel.
    [{ x: 0, y: 0, width: 0.001, height: 1, unit: 'fraction' }, 'crop'],
    [{ x: 0, y: 0, width: 1, height: 1, unit: 'percent' as 'pixel' }, 'crop.unit'],
    [{ x: 0, y: 0, width: 1 } as Crop, 'crop.height'],
    [{ x: 0, y: 0, width: 1, height: 1, left: 1 } as Crop, 'left'],
    [null as unknown as Crop, 'crop'],
  ])('%j is refused', (crop, field) => {
    expect(() => cropRegion(crop, SIZE)).toThrow(expect.objectContaining({ status: 400, field }));
  });
});

describe('preprocess with a crop', () => {
  const parts: Crop[] = [
    { x: 1, y: 1, width: 22, height: 14 },
    { x: 0.5, y: 0, width: 0.5, height: 0.5, unit: 'fraction' },
    { x: 2, y: 18, width: 20, height: 12, unit: 'pixel' },
    { x: 0.55, y: 0.55, width: 0.4, height: 0.4, unit: 'fraction' },
  ];
  const files = [1, 2, 3, 4, 5, 6, 7, 8].map((orientation) => `exif-${orientation}.jpg`);
  test.each([...files, 'animated.gif', 'p3-16.png'])(
    '%s: each quadrant is of its own colour',
    async (name) => {
      for (const shrinkOnLoad of [false, true]) {
        for (const [quadrant, crop] of parts.entries()) {
          const tensor = await preprocess({
            bytes: fixture(name),
            crop,
            contract: contract({ shrinkOnLoad }),
          });
          const pixel = pixelAt(tensor, SIZE.width, 24, 16);
          for (const c of [0, 1, 2]) {
            expect(
              Math.abs(pixel[c]! - QUADRANTS[quadrant]![c]!),
              `quadrant ${quadrant}`,
            ).toBeLessThanOrEqual(3);
          }
        }
      }
    },
  );

  test('the whole image as a crop is the image; a crop outside names the size it had to fit', async () => {
    const bytes = fixture('exif-6.jpg');
    const crop = { x: 0, y: 0, width: 1, height: 1, unit: 'fraction' as const };
    expect(await preprocess({ bytes, crop, contract: contract() })).toEqual(
      await preprocess({ bytes, contract: contract() }),
    );
    const outside = preprocess({ bytes, crop: { x: 0, y: 0, width: 33, height: 48 }, contract: contract() });
    await expect(outside).rejects.toMatchObject({
      code: 'invalid_argument',
      field: 'crop',
      expected: "at least one pixel inside the image's 48 x 32",
    });
  });
});
