// Recall against CPU time of Attractor and its peers on the same vectors, in turns within one run; and of Attractor under
// filters. Not a test.
//   npm install --prefix bench/search/peers; apt-get install python3-hnswlib python3-faiss
//   node --import tsx bench/search/run.ts [--rows 200000] [--dimension 128] [--vectors file.f32] [--queries 400]
//     [--rounds 5] [--k 10] [--engines attractor,hnswlib-node,...] [--out runs/search]
// Peers that are not installed are named and left out. Writes search.json and search.svg.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as vega from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { FlatIndex } from '../../src/index/flat.ts';
import { clustered, type Data, fromFile } from './data.ts';
import { ENGINES, type Engine } from './engines.ts';
import { measureFilters } from './filters.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '200000' },
    dimension: { type: 'string', default: '128' },
    vectors: { type: 'string' },
    queries: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '5' },
    k: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    engines: { type: 'string', default: Object.keys(ENGINES).join(',') },
    out: { type: 'string', default: 'runs/search' },
  },
});
const [rows, dimension, queries, rounds, k, seed] = (
  ['rows', 'dimension', 'queries', 'rounds', 'k', 'seed'] as const
).map((name) => Number(values[name])) as [number, number, number, number, number, number];

interface Point {
  readonly engine: string;
  readonly effort: number;
  readonly recall: number;
  /** CPU microseconds of one query: the least of all rounds. */
  readonly us: number;
  readonly qps: number;
}

const data: Data = values.vectors
  ? fromFile({ file: values.vectors, dimension, queries, seed })
  : clustered({ rows, dimension, queries, seed });
console.log(`${data.name}, ${data.queries.length} queries, k = ${k}`);
const truth = exactAnswers(data);
const engines = new Map<string, Engine>();
for (const name of values.engines.split(',')) {
  const before = process.cpuUsage();
  try {
    engines.set(name, await ENGINES[name]!(data));
    const { user, system } = process.cpuUsage(before);
    console.log(`${name}: built, ${((user + system) / 1e6).toFixed(0)} s of CPU in this process`);
  } catch (error) {
    console.log(`${name}: left out: ${String((error as Error).message).split('\n')[0]}`);
  }
}
const points = await measure();
printBest(points);
const collection = engines.get('attractor')?.collection;
const filters = collection ? await measureFilters({ collection, data, k }) : [];
for (const engine of engines.values()) await engine.close();
mkdirSync(values.out, { recursive: true });
writeFileSync(
  join(values.out, 'search.json'),
  `${JSON.stringify({ data: data.name, k, rounds, points, filters }, null, 1)}\n`,
);
writeFileSync(join(values.out, 'search.svg'), await plot(points));
console.log(`${join(values.out, 'search.json')}, ${join(values.out, 'search.svg')}`);

function exactAnswers({ rows, dimension, queries }: Data): Set<number>[] {
  const flat = new FlatIndex({ dimension });
  for (const [slot, vector] of rows.entries()) flat.add({ slot, vector });
  return queries.map((vector) => new Set(flat.search({ vector, k }).slots));
}

/** All engines and efforts once per round. */
async function measure(): Promise<Point[]> {
  const best = new Map<string, Point>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, engine] of engines) {
      for (const effort of engine.efforts) {
        const { found, cpu } = await engine.run(effort, k);
        const us = (1000 * cpu) / data.queries.length;
        const hits = found.reduce((sum, rows, i) => sum + rows.filter((row) => truth[i]!.has(row)).length, 0);
        const key = `${name} ${effort}`;
        if (us > (best.get(key)?.us ?? Infinity)) continue;
        best.set(key, { engine: name, effort, recall: hits / (k * found.length), us, qps: 1e6 / us });
      }
    }
  }
  return [...best.values()];
}

function printBest(points: readonly Point[]): void {
  for (const goal of [0.95, 0.99, 0.999]) {
    console.log(`\nrecall@${k} >= ${goal}      effort   recall   us/query   queries/s per core`);
    for (const name of engines.keys()) {
      const reached = points.filter(({ engine, recall }) => engine === name && recall >= goal);
      const point = reached.sort((a, b) => a.us - b.us)[0];
      const cells = point
        ? [point.effort || 'exact', point.recall.toFixed(4), point.us.toFixed(0), point.qps.toFixed(0)]
        : ['-', '-', '-', '-'];
      const widths = [8, 9, 11, 21];
      console.log(name.padEnd(20) + cells.map((cell, i) => String(cell).padStart(widths[i]!)).join(''));
    }
  }
}

function plot(points: readonly Point[]): Promise<string> {
  const spec: TopLevelSpec = {
    title: { text: `Recall@${k} and queries per second of one core`, subtitle: data.name },
    width: 640,
    height: 400,
    background: 'white',
    data: { values: points.map((point) => ({ ...point, exact: point.effort === 0 })) },
    mark: { type: 'line', point: true, tooltip: true },
    encoding: {
      x: { field: 'recall', type: 'quantitative', scale: { zero: false }, title: `recall@${k}` },
      y: {
        field: 'qps',
        type: 'quantitative',
        scale: { type: 'log' },
        axis: { values: [10, 30, 100, 300, 1000, 3000, 10_000, 30_000], format: ',' },
        title: 'queries per second',
      },
      color: { field: 'engine', type: 'nominal', sort: [...engines.keys()], title: null },
      // An exact scan is no point on the line of a graph.
      detail: { field: 'exact', type: 'nominal' },
      order: { field: 'effort', type: 'quantitative' },
    },
  };
  return new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' }).toSVG();
}
