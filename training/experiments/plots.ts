// The plots of a report, as SVG: drawn by vega-lite, no browser and no canvas.

import { parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import type { MethodResult } from './cell.ts';
import type { Look } from './look.ts';
import type { Line } from './run.ts';
import { interval, mean } from './statistics.ts';

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
  legend: { labelColor: '#888', titleColor: '#888', symbolStrokeWidth: 3, symbolOpacity: 1, labelLimit: 220 },
  view: { stroke: '#8885' },
  font: 'system-ui, sans-serif',
};

/**
 * MAP@R of every method against the noise rate, or the length where that is what varies; where nothing does, a dot for each
 * split. An SVG and its caption.
 */
export async function curves(results: readonly Line[]): Promise<string> {
  const rates = new Set(results.map(({ noise }) => noise.rate));
  const lengths = new Set(results.map(({ dimension }) => dimension));
  const by = rates.size > 1 ? 'noise' : lengths.size > 1 ? 'length' : undefined;
  const score = ({ runs }: MethodResult) => 100 * mean(runs.map(({ mapAtR }) => mapAtR));
  const values = results.flatMap(({ split, noise, dimension, results: methods }) =>
    methods.map((one) => ({
      name: one.method,
      x: by === 'noise' ? 100 * noise.rate : dimension,
      y: score(one),
      base: score(methods[0]!),
      split: `split ${split}`,
    })),
  );
  const caption = (text: string) =>
    `<p class="small">${text} Bars: 95 % intervals of what is added to the frozen backbone within a split, of three or more.</p>`;
  if (by === undefined) return `${await dots(values)}${caption('A dot is a split.')}`;
  const x = {
    field: 'x',
    type: 'quantitative' as const,
    title: by === 'noise' ? 'wrong labels, per cent' : 'length of an embedding',
    scale: by === 'length' ? { type: 'log', base: 2 } : {},
    axis: { values: [...(by === 'length' ? lengths : new Set(values.map(({ x }) => x)))] },
  };
  const plot = await lines(values, {
    x,
    y: { field: 'y', type: 'quantitative', title: SCORE, scale: { zero: false } },
    color: { field: 'name', type: 'nominal', title: null, sort: null, scale: { scheme: 'tableau20' } },
  });
  return `${plot}${caption('Dashed: the frozen backbone.')}`;
}

const SCORE = 'MAP@R on unseen classes';

interface Value {
  readonly name: string;
  readonly x: number;
  readonly y: number;
  /** What moves all methods of a split together. Default 0. */
  readonly base?: number;
}

/** Their means, by name and x, with the interval of what is above the base; and a shift in pixels, lest bars hide each other. */
function means(values: readonly Value[]) {
  const groups = new Map<string, Value[]>();
  for (const one of values) {
    const key = JSON.stringify([one.name, one.x]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const names = [...new Set(values.map(({ name }) => name))];
  return [...groups.values()].map((some) => {
    const middle = mean(some.map(({ y }) => y));
    const { half } = interval(some.map(({ y, base = 0 }) => y - base));
    // A bar down to 0 has no place on an axis of logarithms.
    const bounds = half > 0 && half < middle ? { low: middle - half, high: middle + half } : {};
    const { name, x } = some[0]!;
    return { name, x, y: middle, ...bounds, shift: 3 * (names.indexOf(name) - (names.length - 1) / 2) };
  });
}

/** The splits move all methods together: what tells methods apart is the place of dots of one colour. */
function dots(values: readonly (Value & { split: string })[]): Promise<string> {
  const x = { field: 'y', type: 'quantitative', title: SCORE, scale: { zero: false } };
  const y = {
    field: 'name',
    type: 'nominal',
    title: null,
    sort: [...new Set(values.map(({ name }) => name))],
    axis: { labelLimit: 260, grid: true },
  };
  return draw({
    ...{ width: 460, height: { step: 20 } },
    layer: [
      {
        data: { values: means(values) },
        mark: BAR,
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y },
      },
      {
        data: { values },
        mark: { type: 'circle', size: 70, opacity: 0.9 },
        encoding: {
          x,
          y,
          color: { field: 'split', type: 'nominal', title: null, scale: { scheme: 'tableau10' } },
        },
      },
    ],
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
  values: readonly Value[];
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
    y: { field: 'y', type: 'quantitative', title: y, scale },
    color: {
      ...{ field: 'name', type: 'nominal', title: null, sort: null },
      ...{ scale: { scheme: 'tableau10' }, legend: { labelLimit: 300 } },
    },
  });
}

const BAR = { type: 'rule', color: '#888', opacity: 0.6 };

function lines(
  values: readonly Value[],
  { x, y, color }: { x: object; y: object; color: object },
): Promise<string> {
  const drawn = means(values);
  const shifted = { xOffset: { expr: 'datum.shift' } };
  const frozen = { test: "datum.name === 'frozen'" };
  return draw({
    ...{ width: 460, height: 300, data: { values: drawn } },
    encoding: { x, color },
    layer: [
      {
        mark: { type: 'line', point: { size: 30, ...shifted }, ...shifted },
        encoding: { y, strokeDash: { condition: { ...frozen, value: [5, 4] }, value: [1, 0] } },
      },
      { mark: { ...BAR, ...shifted }, encoding: { y: { ...y, field: 'low' }, y2: { field: 'high' } } },
    ],
  });
}

async function draw(spec: object): Promise<string> {
  const { spec: compiled } = compile({ ...spec, config: CONFIG } as TopLevelSpec);
  return new View(parse(compiled), { renderer: 'none' }).toSVG();
}
