// A part of an image, in pixels or fractions of the image as it is meant to be seen (after its EXIF rotation). Where the
// part lies is decided here; cutting it out is preprocess.ts.

import { invalid, refuseUnknown } from '../errors/error.ts';

export interface Crop {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** `pixel`: whole pixels. `fraction`: parts of the image's width and height, 0 to 1. Default `pixel`. */
  readonly unit?: 'pixel' | 'fraction';
}

const SIDES = ['x', 'y', 'width', 'height'] as const;
/** What a sum of two fractions may be beyond 1, for rounding. */
const ROUNDING = 1e-9;

/** What can be said of a crop without its image. Throws `invalid_argument` or `unknown_option`. */
export function checkCrop(crop: Crop, field: string): void {
  if (crop === null || typeof crop !== 'object' || Array.isArray(crop)) {
    throw invalid(field, 'an object with x, y, width and height', crop);
  }
  refuseUnknown(crop, [...SIDES, 'unit'], field);
  const { unit = 'pixel' } = crop;
  if (unit !== 'pixel' && unit !== 'fraction') throw invalid(`${field}.unit`, 'pixel or fraction', unit);
  for (const side of SIDES) {
    const value = crop[side];
    const least = side === 'x' || side === 'y' ? 0 : Number.MIN_VALUE;
    const fits = unit === 'pixel' ? Number.isSafeInteger(value) : value <= 1;
    if (typeof value === 'number' && fits && value >= least) continue;
    const more = least === 0 ? '' : ' above 0';
    throw invalid(
      `${field}.${side}`,
      `${unit === 'pixel' ? 'a whole number' : 'a number up to 1'}${more}`,
      value,
    );
  }
  if (unit === 'fraction') {
    for (const [at, length] of [
      ['x', 'width'],
      ['y', 'height'],
    ] as const) {
      const end = crop[at] + crop[length];
      if (end > 1 + ROUNDING) throw invalid(field, `${at} + ${length} of at most 1`, end);
    }
  }
}

/** In whole pixels of an image of this size. Throws `invalid_argument` where it is not inside the image, or no pixel. */
export function cropRegion(
  crop: Crop,
  size: { readonly width: number; readonly height: number },
): { left: number; top: number; width: number; height: number } {
  checkCrop(crop, 'crop');
  const { x, y, width, height, unit = 'pixel' } = crop;
  const [across, down] = unit === 'fraction' ? [size.width, size.height] : [1, 1];
  const left = Math.round(x * across);
  const top = Math.round(y * down);
  const region = {
    left,
    top,
    width: Math.round((x + width) * across) - left,
    height: Math.round((y + height) * down) - top,
  };
  const inside = left + region.width <= size.width && top + region.height <= size.height;
  if (!inside || region.width < 1 || region.height < 1) {
    const shown = `${region.width} x ${region.height} at ${left}, ${top}`;
    throw invalid('crop', `at least one pixel inside the image's ${size.width} x ${size.height}`, shown);
  }
  return region;
}
