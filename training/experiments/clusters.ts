// Synthetic classes on the sphere, each of several clusters: where charges go can be seen, since the truth is known.

import { normalised } from '../../src/math/normalise.ts';
import { createRng } from '../../src/math/rng.ts';

export interface ClustersOptions {
  readonly classes: number;
  readonly modes: number;
  readonly samplesPerMode: number;
  readonly dimension: number;
  /** Modes around the centre of their class, and samples around their mode: standard deviation of the offset's length. */
  readonly modeSpread: number;
  readonly sampleSpread: number;
  readonly seed: number;
}

export interface Clusters {
  /** [samples, dimension], unit rows, class by class. */
  readonly features: Float32Array;
  readonly labels: Int32Array;
  /** Of each sample, 0 to classes * modes - 1. */
  readonly modes: Int32Array;
}

/** Two modes of a class are about sqrt(2 s^2 / (1 + s^2)) apart, s being modeSpread: 0.85 at 0.75. */
export function clusters(options: ClustersOptions): Clusters {
  const { classes, modes, samplesPerMode, dimension, modeSpread, sampleSpread, seed } = options;
  const rng = createRng(seed);
  const near = (centre: Float32Array | undefined, spread: number): Float32Array => {
    const row = new Float32Array(dimension);
    for (let i = 0; i < dimension; i++) {
      row[i] = (centre?.[i] ?? 0) + (spread * rng.normal()) / Math.sqrt(dimension);
    }
    return normalised(row)!;
  };
  const count = classes * modes * samplesPerMode;
  const features = new Float32Array(count * dimension);
  const [labels, modeOf] = [new Int32Array(count), new Int32Array(count)];
  let sample = 0;
  for (let label = 0; label < classes; label++) {
    const centre = near(undefined, 1);
    for (let mode = 0; mode < modes; mode++) {
      const at = near(centre, modeSpread);
      for (let i = 0; i < samplesPerMode; i++, sample++) {
        features.set(near(at, sampleSpread), sample * dimension);
        labels[sample] = label;
        modeOf[sample] = label * modes + mode;
      }
    }
  }
  return { features, labels, modes: modeOf };
}
