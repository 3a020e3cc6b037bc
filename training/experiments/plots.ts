// The plots of a report, as SVG: drawn by vega-lite, no browser and no canvas.

import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { MethodResult } from './cell.ts';
import type { Look } from './look.ts';
import type { Line } from './run.ts';

/** Reads on white and on black. */
const CONFIG = {
  background: 'transparent',
  axis: {
    labelColor: '#888',
    titleColor: '#888',
    gridColor: '#8883',
    domainColor: '#888',
    tickColor: '#888',
  },
  legend: { labelColor: '#888', titleColor: '#888', symbolStrokeWidth: 3, labelLimit: 220 },
  view: { stroke: '#8885' },
  font: 'system-ui, sans-serif',
};

/** MAP@R of every method against the noise rate, or the length where that is what varies; where nothing does, a dot for each split. */
export async function curves(results: readonly Line[]): Promise<string> {
  const rates = new Set(results.map(({ noise }) => noise.rate));
  const lengths = new Set(results.map(({ dimension }) => dimension));
  const by = rates.size > 1 ? 'noise' : lengths.size > 1 ? 'length' : undefined;
  if (by === undefined) return dots(results);
  const values = results.flatMap((line) =>
    line.results.filter(notFrozen).flatMap(({ method, runs }) =>
      runs.map(({ mapAtR }) => ({
        method,
        x: by === 'noise' ? 100 * line.noise.rate : line.dimension,
        mapAtR: 100 * mapAtR,
      })),
    ),
  );
  const x = {
    field: 'x',
    type: 'quantitative' as const,
    title: by === 'noise' ? 'wrong labels, per cent' : 'length of an embedding',
    ...(by === 'length' ? { scale: { type: 'log' as const, base: 2 }, axis: { values: [...lengths] } } : {}),
  };
  return lines(values, {
    x,
    y: {
      aggregate: 'mean',
      field: 'mapAtR',
      type: 'quantitative',
      title: 'MAP@R on unseen classes',
      scale: { zero: false },
    },
    color: { field: 'method', type: 'nominal', title: null, scale: { scheme: 'tableau20' } },
  });
}

/** It is far below the others, whose differences would not show. */
const notFrozen = ({ method }: MethodResult) => method !== 'frozen';

/** The splits move all methods together: what tells methods apart is the place of dots of one colour. */
function dots(results: readonly Line[]): Promise<string> {
  const values = results.flatMap(({ split, results: methods }) =>
    methods.filter(notFrozen).map(({ method, runs }) => ({
      ...{ method, split: `split ${split}` },
      mapAtR: (100 * runs.reduce((sum, run) => sum + run.mapAtR, 0)) / runs.length,
    })),
  );
  return draw({
    ...{ width: 460, height: { step: 20 }, data: { values } },
    mark: { type: 'circle', size: 70, opacity: 0.9 },
    encoding: {
      x: { field: 'mapAtR', type: 'quantitative', title: 'MAP@R on unseen classes', scale: { zero: false } },
      y: { field: 'method', type: 'nominal', title: null, sort: null, axis: { labelLimit: 260, grid: true } },
      color: { field: 'split', type: 'nominal', title: null, scale: { scheme: 'tableau10' } },
    },
  });
}

/** The two-dimensional map of some classes. */
export function mapOf({ map }: Look): Promise<string> {
  return draw({
    width: 460,
    height: 340,
    data: { values: [...map] },
    mark: { type: 'circle', size: 40, opacity: 0.8 },
    encoding: {
      x: { field: 'x', type: 'quantitative', axis: null, scale: { zero: false } },
      y: { field: 'y', type: 'quantitative', axis: null, scale: { zero: false } },
      color: { field: 'label', type: 'nominal', legend: null, scale: { scheme: 'tableau20' } },
    },
  });
}

/** Lines by `name`, each the mean of its values; axes of numbers. `log`: both, where they span decades, with a tick for each x. */
export function linesOf(options: {
  values: readonly { name: string; x: number; y: number }[];
  x: string;
  y: string;
  log?: boolean;
}): Promise<string> {
  const { values, x, y, log } = options;
  const scale = log ? { type: 'log' } : { zero: false };
  const ticks = {
    scale: { ...scale, nice: false },
    axis: { values: [...new Set(values.map((one) => one.x))] },
  };
  return lines(values, {
    x: { field: 'x', type: 'quantitative', title: x, ...(log ? ticks : { scale }) },
    y: { field: 'y', aggregate: 'mean', type: 'quantitative', title: y, scale },
    color: {
      ...{ field: 'name', type: 'nominal', title: null, sort: null },
      ...{ scale: { scheme: 'tableau10' }, legend: { labelLimit: 300 } },
    },
  });
}

function lines(values: readonly object[], encoding: object): Promise<string> {
  const mark = { type: 'line', point: { size: 30 } };
  return draw({ width: 460, height: 300, data: { values: [...values] }, mark, encoding });
}

async function draw(spec: object): Promise<string> {
  const { spec: compiled } = compile({ ...spec, config: CONFIG } as TopLevelSpec);
  return new View(parse(compiled), { renderer: 'none' }).toSVG();
}
