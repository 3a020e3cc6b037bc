// Runs the cells of an experiment one after the other and writes each as a line of JSON: stopped and started again, it goes on
// with what is missing. What a cell does is cell.ts's; what it means is report.ts's.

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMatmul } from '../baselines/matmul.ts';
import { type Prepared, type Progress, prepare } from '../prepare.ts';
import { type CellPlace, type CellResult, runCell } from './cell.ts';
import { openLines, readLines } from './lines.ts';
import { lookAt } from './look.ts';
import type { Experiment } from './schema.ts';
import { tuneCell } from './tune-cell.ts';

export interface RunExperimentOptions {
  readonly experiment: Experiment;
  /** Results: `experiment.json`, `results-<shard>.jsonl`, `look-<data>.json`. */
  readonly out: string;
  readonly backbone: string;
  readonly cache: string;
  /** Every `of`-th cell from the `at`-th on, 1 for the first: several processes share one folder. Default 1 of 1. */
  readonly shard?: { readonly at: number; readonly of: number };
  /** CPU time of the process in seconds. */
  readonly cpu: () => number;
  readonly signal?: AbortSignal;
  readonly onCell?: (cell: { readonly key: string; readonly at: number; readonly of: number }) => void;
  readonly onProgress?: (progress: Progress) => void;
}

export interface Line extends CellResult {
  readonly key: string;
}

/** Cells that were run now; those that the folder had already are not run again. Throws what prepare and runCell throw. */
export async function runExperiment(options: RunExperimentOptions): Promise<number> {
  const { experiment, out, shard = { at: 1, of: 1 }, cpu, signal, onCell, onProgress } = options;
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'experiment.json'), `${JSON.stringify(experiment, null, 2)}\n`);
  const file = openLines(out, shard.at);
  const known = new Set(readResults(out).map(({ key }) => key));
  const cells = placesOf(experiment).filter((_, i) => i % shard.of === shard.at - 1);
  const matmul = createMatmul({ threads: 1 });
  const prepared = new Map<string, Prepared>();
  let run = 0;
  try {
    for (const [i, place] of cells.entries()) {
      const key = keyOf(experiment, place);
      if (known.has(key)) continue;
      onCell?.({ key: textOf(place), at: i + 1, of: cells.length });
      const { name, path, label } = experiment.data.find((one) => one.name === place.data)!;
      const { backbone, cache } = options;
      if (!prepared.has(name)) {
        prepared.set(name, await prepare({ data: { path, label }, backbone, cache, signal, onProgress }));
      }
      const set = prepared.get(name)!;
      const inputs = set.backbone.manifest.dimension;
      const common = { experiment, place, matmul, signal, onProgress };
      const cell = await runCell({ ...common, data: set.data, inputs, cpu });
      const tuned = await tuneCell({ ...common, cell, set, cache });
      const result = { ...cell.result, results: [...cell.result.results, ...tuned] };
      const look = join(out, `look-${name}.json`);
      if (!existsSync(look)) writeFileSync(look, JSON.stringify(await lookAt({ cell, set, inputs, matmul })));
      appendFileSync(file, `${JSON.stringify({ key, ...result })}\n`);
      run++;
    }
    return run;
  } finally {
    await matmul.release();
  }
}

/** Data sets first, then splits: the cells of one set are neighbours. */
export function placesOf({ data, splits, noise, dimensions, audit }: Experiment): CellPlace[] {
  return data.flatMap(({ name }) =>
    splits.flatMap((split) =>
      noise.flatMap((one) =>
        dimensions.flatMap((dimension) =>
          audit.map((mode) => ({ data: name, split, noise: one, dimension, audit: mode })),
        ),
      ),
    ),
  );
}

const textOf = ({ data, split, noise, dimension, audit }: CellPlace) =>
  `${data}, split ${split}, ${noise.kind} noise ${noise.rate}, length ${dimension}, audit ${audit}`;

/** Of everything that decides the cell's result; paths do not. */
function keyOf(experiment: Experiment, place: CellPlace): string {
  const { title, about, data, splits, noise, dimensions, audit, ...rest } = experiment;
  return createHash('sha256')
    .update(JSON.stringify([rest, place]))
    .digest('hex')
    .slice(0, 16);
}

export const readResults = (folder: string): Line[] => readLines<Line>(folder);
