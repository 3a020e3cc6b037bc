// Classes whose means differ in a few directions, under louder noise in the others: what fit and audit are tested on.

import { createRng } from '../../src/math/rng.ts';
import { normaliseRows } from '../../training/baselines/linear-map.ts';
import type { Labelled } from '../../training/fit/space.ts';

export const INPUTS = 40;
const SIGNAL = 10;

export function clouds(options: {
  classes: number;
  each: number;
  seed: number;
  /** Spread within a class, in the directions that tell classes apart and in the others. */
  spread?: readonly [number, number];
}): Labelled {
  const { classes, each, seed, spread = [0.4, 1.2] } = options;
  const rng = createRng(seed);
  const means = Float32Array.from({ length: classes * SIGNAL }, () => rng.normal());
  const features = new Float32Array(classes * each * INPUTS);
  const labels: string[] = [];
  for (let i = 0; i < classes * each; i++) {
    const c = i % classes;
    labels.push(`c${c}`);
    for (let d = 0; d < INPUTS; d++) {
      features[i * INPUTS + d] =
        d < SIGNAL ? means[c * SIGNAL + d]! + spread[0] * rng.normal() : spread[1] * rng.normal();
    }
  }
  return { features: normaliseRows(features, INPUTS), labels };
}

/** Every row whose class number passes. */
export function part(data: Labelled, keep: (label: number) => boolean): Labelled {
  const rows = [...data.labels.keys()].filter((row) => keep(Number(data.labels[row]!.slice(1))));
  const features = Float32Array.from(
    rows.flatMap((row) => [...data.features.subarray(row * INPUTS, (row + 1) * INPUTS)]),
  );
  return { features, labels: rows.map((row) => data.labels[row]!) };
}

/** A share of the rows under the label of another class. */
export function mislabelled(labels: readonly string[], rate: number, seed: number) {
  const rng = createRng(seed);
  const names = [...new Set(labels)];
  const wrong = new Set(rng.shuffle([...labels.keys()]).slice(0, Math.round(rate * labels.length)));
  const noisy = labels.map((label, row) => {
    if (!wrong.has(row)) return label;
    const others = names.filter((name) => name !== label);
    return others[rng.int(others.length)]!;
  });
  return { labels: noisy, wrong };
}
