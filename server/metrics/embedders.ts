// What the embedders count of themselves, asked at each scrape.

import { Counter, Gauge, type Registry } from 'prom-client';
import type { EmbedderStats } from '../../src/embed/pool.ts';

type Labels = Record<string, string | number>;

export function embedderMetrics(options: {
  embedders: () => Iterable<[model: string, EmbedderStats]>;
  registers: Registry[];
}): void {
  const { embedders, registers } = options;
  type Read = (stats: EmbedderStats) => Iterable<[Labels, number]>;

  const config = (name: string, help: string, labels: string[]) => ({
    name: `attractor_embed_${name}`,
    help,
    labelNames: ['model', ...labels],
    registers,
  });
  function gauge(name: string, help: string, labels: string[], read: Read): void {
    new Gauge({
      ...config(name, help, labels),
      collect() {
        this.reset();
        for (const [model, stats] of embedders()) {
          for (const [labels, value] of read(stats)) this.set({ model, ...labels }, value);
        }
      },
    });
  }
  function counter(name: string, help: string, labels: string[], read: Read): void {
    new Counter({
      ...config(name, help, labels),
      collect() {
        this.reset();
        for (const [model, stats] of embedders()) {
          for (const [labels, value] of read(stats)) this.inc({ model, ...labels }, value);
        }
      },
    });
  }
  const byPriority = (values: EmbedderStats['waiting'], scale = 1): [Labels, number][] => [
    [{ priority: 'online' }, values.online * scale],
    [{ priority: 'bulk' }, values.bulk * scale],
  ];
  const priority = ['priority'];

  gauge('waiting_images', 'Images that wait for a process.', priority, (one) => byPriority(one.waiting));
  gauge('running_images', 'Images that processes have.', [], (one) => [[{}, one.underWay]]);
  gauge('processes', 'Processes there should be, and that are ready.', ['state'], ({ processes }) => [
    [{ state: 'wanted' }, processes.wanted],
    [{ state: 'live' }, processes.live],
  ]);
  counter('images_total', 'Images that were embedded or found unreadable.', priority, (one) =>
    byPriority(one.images),
  );
  counter('batches_total', 'Batches by the number of images in them.', ['size'], (one) =>
    [...one.batches].map(([size, batches]) => [{ size }, batches]),
  );
  counter('wait_seconds_total', 'Time that images waited, all together.', priority, (one) =>
    byPriority(one.waited, 1e-3),
  );
  counter('work_seconds_total', 'Time that processes worked, all together.', priority, (one) =>
    byPriority(one.worked, 1e-3),
  );
  counter('refused_images_total', 'Images that found the queue full.', priority, (one) =>
    byPriority(one.refused),
  );
  counter('dropped_images_total', 'Images whose caller left before their turn.', priority, (one) =>
    byPriority(one.dropped),
  );
  counter('recycled_total', 'Processes replaced after their number of images.', [], (one) => [
    [{}, one.recycled],
  ]);
  counter('crashed_total', 'Processes that died or hung.', [], (one) => [[{}, one.crashed]]);
}
