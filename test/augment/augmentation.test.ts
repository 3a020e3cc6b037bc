import { describe, expect, it } from 'vitest';
import type { Transform } from '../../src/image/augment.ts';
import { createRng } from '../../src/math/rng.ts';
import { AUGMENT_DEFAULTS, createAugmentation } from '../../training/augment/augmentation.ts';

const SIZE = { width: 224, height: 224 };
const ALL = { crop: true, flip: true, colour: true, blur: true, jpeg: true, background: true };
const draws = (options: Parameters<typeof createAugmentation>[0], count = 2000, size = SIZE): Transform[] => {
  const { draw } = createAugmentation(options);
  const rng = createRng(5);
  return Array.from({ length: count }, () => draw(rng, size));
};
const share = (list: readonly Transform[], kind: keyof Transform) =>
  list.filter((transform) => transform[kind] !== undefined).length / list.length;

describe('createAugmentation', () => {
  it('is off unless named', () => {
    expect(draws({}, 3)).toEqual([{}, {}, {}]);
    expect(draws({ flip: false, crop: undefined }, 1)).toEqual([{}]);
    expect(createAugmentation({}).settings).toEqual({});
  });

  it('applies each kind as often as its probability says', () => {
    const list = draws(ALL);
    for (const [kind, { probability }] of Object.entries(AUGMENT_DEFAULTS)) {
      expect(Math.abs(share(list, kind as keyof Transform) - probability), kind).toBeLessThan(0.05);
    }
    expect(share(draws({ flip: { probability: 0.1 } }), 'flip')).toBeLessThan(0.15);
  });

  it('draws windows of the area and shape asked for, anywhere inside', () => {
    const crops = draws({ crop: { area: [0.2, 0.5], ratio: [0.5, 2] } }).map(({ crop }) => crop!);
    const areas = crops.map(({ width, height }) => width * height);
    expect(Math.min(...areas)).toBeGreaterThan(0.19);
    expect(Math.max(...areas)).toBeLessThan(0.51);
    const ratios = crops.map(({ width, height }) => width / height);
    expect(Math.min(...ratios)).toBeLessThan(0.55);
    expect(Math.max(...ratios)).toBeGreaterThan(1.8);
    expect(ratios.every((ratio) => ratio > 0.49 && ratio < 2.01)).toBe(true);
    expect(
      crops.every(({ x, y, width, height }) => x >= 0 && y >= 0 && x + width <= 1 && y + height <= 1),
    ).toBe(true);
    expect(Math.min(...crops.map(({ x }) => x))).toBeLessThan(0.02);
    expect(Math.max(...crops.map(({ x, width }) => x + width))).toBeGreaterThan(0.98);
  });

  it('keeps strengths within their ranges, and blur in step with the size', () => {
    const list = draws({
      colour: { probability: 1, hue: 0.1 },
      jpeg: { quality: [40, 41] },
      blur: { probability: 1 },
    });
    for (const { colour, jpeg, blur } of list) {
      for (const name of ['brightness', 'contrast', 'saturation'] as const) {
        expect(Math.abs(colour![name] - 1)).toBeLessThanOrEqual(0.3);
      }
      expect(Math.abs(colour!.hue)).toBeLessThanOrEqual(0.1);
      if (jpeg !== undefined) expect([40, 41]).toContain(jpeg);
      expect(blur).toBeGreaterThanOrEqual(0.5);
      expect(blur).toBeLessThanOrEqual(2);
    }
    const small = draws({ blur: { probability: 1 } }, 500, { width: 56, height: 112 }).map(
      ({ blur }) => blur ?? 0,
    );
    expect(Math.max(...small)).toBeLessThanOrEqual(0.5);
  });

  it('draws the same from the same seed, and each kind whatever else is on', () => {
    expect(draws(ALL, 20)).toEqual(draws(ALL, 20));
    const crops = draws(ALL, 20).map(({ crop }) => crop);
    expect(draws({ crop: true }, 20).map(({ crop }) => crop)).toEqual(crops);
    const { draw } = createAugmentation(ALL);
    const [one, other] = [createRng(1), createRng(1)];
    draw(one, SIZE);
    createAugmentation({}).draw(other, SIZE);
    expect(one.state()).toEqual(other.state());
  });

  it('has a fingerprint of its values', () => {
    const of = (options: Parameters<typeof createAugmentation>[0]) => createAugmentation(options).fingerprint;
    expect(of({ flip: true })).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(of({ flip: true })).toBe(of({ flip: { probability: 0.5 } }));
    expect(of({ flip: true })).not.toBe(of({ flip: { probability: 0.4 } }));
    expect(of({ flip: true })).not.toBe(of({}));
  });

  it.each([
    [{ rotate: true }, /unknown option "rotate"/],
    [{ crop: { scale: [0, 1] } }, /unknown option "scale"/],
    [{ crop: { area: [0.9, 0.2] } }, /crop.area: expected two numbers/],
    [{ flip: { probability: 2 } }, /flip.probability: expected a number from 0 to 1/],
    [{ jpeg: { quality: [0, 50] } }, /jpeg.quality/],
  ])('refuses %j', (options, message) => {
    expect(() => createAugmentation(options as never)).toThrow(message);
  });
});
