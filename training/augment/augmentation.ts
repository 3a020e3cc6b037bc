// What may happen to a training image, and how it is drawn: options with defaults, and a seeded draw of one transform. The
// transforms themselves are src/image/augment.ts.

import { createHash } from 'node:crypto';
import { invalid, refuseUnknown } from '../../src/errors/error.ts';
import type { Transform } from '../../src/image/augment.ts';
import { createRng, type Rng } from '../../src/math/rng.ts';

type Range = readonly [number, number];

/** Of each kind: `probability` that it is applied at all, and what is drawn evenly from. */
export const AUGMENT_DEFAULTS = {
  /** Random resized crop: share of the area, and width to height against the whole (drawn evenly in its logarithm). */
  crop: { probability: 1, area: [0.4, 1] as Range, ratio: [3 / 4, 4 / 3] as Range },
  /** Not for goods that have a left and a right, or writing on them. */
  flip: { probability: 0.5 },
  /** Factors from 1 - x to 1 + x; hue from -x to x of a turn. */
  colour: { probability: 0.8, brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.02 },
  /** Standard deviation in pixels at 224 of the shorter side; scaled with the size. */
  blur: { probability: 0.2, sigma: [0.5, 2] as Range },
  jpeg: { probability: 0.5, quality: [30, 95] as Range },
  /** One-coloured surroundings become a gradient between two colours. */
  background: { probability: 0.5, tolerance: 12 },
};

type Kinds = typeof AUGMENT_DEFAULTS;
export type AugmentKind = keyof Kinds;

/** Each is off unless named: `true` for the defaults, or what differs from them. */
export type AugmentOptions = { readonly [K in AugmentKind]?: boolean | Partial<Kinds[K]> };

export interface Augmentation {
  /** Those that are on, with every value. */
  readonly settings: { readonly [K in AugmentKind]?: Kinds[K] };
  /** `sha256:<hex>` of the settings and of how they are drawn: equal ones draw equal transforms from equal seeds. */
  readonly fingerprint: string;
  /** For images of this size. Takes the same count of numbers from `rng` whatever is on. */
  draw(rng: Rng, size: { readonly width: number; readonly height: number }): Transform;
}

/** Raise it whenever a seed would draw something else than before. */
const VERSION = 1;

/** Throws `unknown_option` and `invalid_argument`. */
export function createAugmentation(options: AugmentOptions): Augmentation {
  const kinds = Object.keys(AUGMENT_DEFAULTS) as AugmentKind[];
  refuseUnknown(options, kinds, 'augmentation');
  const settings = Object.fromEntries(
    kinds.flatMap((kind) => {
      const given = options[kind];
      if (given === undefined || given === false) return [];
      const set = { ...AUGMENT_DEFAULTS[kind], ...(given === true ? {} : given) };
      check(kind, set);
      return [[kind, set]];
    }),
  ) as Augmentation['settings'];
  const digest = createHash('sha256')
    .update(JSON.stringify([VERSION, settings]))
    .digest('hex');
  return {
    settings,
    fingerprint: `sha256:${digest}`,
    draw(rng, size) {
      // Each kind draws from a generator of its own: switching one on or off leaves the others as they were.
      const drawn = kinds.map((kind) => {
        const own = createRng(rng.int(2 ** 32));
        const set = settings[kind];
        if (set === undefined || own.next() >= set.probability) return {};
        return DRAWS[kind](set as never, own, size);
      });
      return Object.assign({}, ...drawn);
    },
  };
}

const evenly = (rng: Rng, [low, high]: Range) => low + (high - low) * rng.next();
const colour = (rng: Rng) => [rng.int(256), rng.int(256), rng.int(256)] as const;

const DRAWS: {
  [K in AugmentKind]: (set: Kinds[K], rng: Rng, size: { width: number; height: number }) => Transform;
} = {
  crop(set, rng) {
    const area = evenly(rng, set.area);
    const ratio = Math.exp(evenly(rng, [Math.log(set.ratio[0]), Math.log(set.ratio[1])]));
    const width = Math.min(1, Math.sqrt(area * ratio));
    const height = Math.min(1, Math.sqrt(area / ratio));
    return { crop: { x: (1 - width) * rng.next(), y: (1 - height) * rng.next(), width, height } };
  },
  flip: () => ({ flip: true }),
  colour(set, rng) {
    const factor = (spread: number) => evenly(rng, [1 - spread, 1 + spread]);
    const [brightness, contrast, saturation] = [set.brightness, set.contrast, set.saturation].map(factor);
    return {
      colour: {
        brightness: brightness!,
        contrast: contrast!,
        saturation: saturation!,
        hue: evenly(rng, [-set.hue, set.hue]),
      },
    };
  },
  blur(set, rng, { width, height }) {
    const sigma = (evenly(rng, set.sigma) * Math.min(width, height)) / 224;
    // libvips takes none below 0.3, and none is seen.
    return sigma < 0.3 ? {} : { blur: sigma };
  },
  jpeg: (set, rng) => ({ jpeg: Math.round(evenly(rng, set.quality)) }),
  background: (set, rng) => ({
    background: { from: colour(rng), to: colour(rng), angle: rng.next(), tolerance: set.tolerance },
  }),
};

/** Of every number, by name: least and most. */
const BOUNDS: Readonly<Record<string, Range>> = {
  probability: [0, 1],
  area: [0.01, 1],
  ratio: [0.1, 10],
  brightness: [0, 1],
  contrast: [0, 1],
  saturation: [0, 1],
  hue: [0, 0.5],
  sigma: [0, 50],
  quality: [1, 100],
  tolerance: [0, 128],
};

function check(kind: AugmentKind, set: object): void {
  refuseUnknown(set, Object.keys(AUGMENT_DEFAULTS[kind]), `augmentation ${kind}`);
  const defaults = AUGMENT_DEFAULTS[kind] as Readonly<Record<string, number | Range>>;
  for (const [name, value] of Object.entries(set as Record<string, unknown>)) {
    const [least, most] = BOUNDS[name]!;
    const fits = (x: unknown) => typeof x === 'number' && x >= least && x <= most;
    const isRange = Array.isArray(defaults[name]);
    const range = Array.isArray(value) && value.length === 2 && value.every(fits) && value[0] <= value[1];
    if (isRange ? !range : !fits(value)) {
      const expected = isRange
        ? `two numbers from ${least} to ${most}, in order`
        : `a number from ${least} to ${most}`;
      throw invalid(`${kind}.${name}`, expected, value);
    }
  }
}
