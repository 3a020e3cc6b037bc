// The state of every collection, asked at each scrape: so one that was dropped is gone from the next.

import { Gauge, type Registry } from 'prom-client';
import type { Catalogue, Collection } from '../../src/catalogue/types.ts';

type Labels = Record<string, string | number>;

export function collectionGauges(options: { catalogue: Catalogue; registers: Registry[] }): void {
  const { catalogue, registers } = options;

  /** A gauge per collection, or per what `read` lists of it. */
  function gauge(
    name: string,
    help: string,
    labels: string[],
    read: (collection: Collection) => Iterable<[Labels, number]>,
  ): void {
    new Gauge({
      name: `attractor_${name}`,
      help,
      labelNames: ['collection', ...labels],
      registers,
      collect() {
        this.reset();
        for (const { name: collection } of catalogue.list()) {
          for (const [labels, value] of read(catalogue.collection(collection))) {
            this.set({ collection, ...labels }, value);
          }
        }
      },
    });
  }

  gauge('collection_items', 'Live items.', [], ({ info }) => [[{}, info.count]]);
  gauge(
    'collection_indexed_items',
    'Live items that the graph has by now; the others are scanned.',
    [],
    (one) => [[{}, one.info.indexed]],
  );
  gauge('collection_tombstones', 'Deleted items that the graph still has.', [], (one) => [
    [{}, one.tombstones],
  ]);
  gauge('collection_build_failures', 'Graphs in a row that could not be built.', [], (one) => [
    [{}, one.buildFailures],
  ]);
  // Only answers by the graph are audited: the others are exact.
  const found = ['plan', 'filter'];
  gauge('recall', 'Audited share of the exact hits that the graph answered, since the start.', found, (one) =>
    one.recall.byFilter.map(({ filter, recall }) => [{ plan: 'graph', filter }, recall]),
  );
  gauge('recall_audited_queries', 'Queries that this recall was measured on.', found, (one) =>
    one.recall.byFilter.map(({ filter, queries }) => [{ plan: 'graph', filter }, queries]),
  );
  gauge('recall_by_ef', 'Recall that the audited queries had with another width.', ['ef'], (one) =>
    one.recall.byWidth.map(({ ef, recall }) => [{ ef }, recall]),
  );
}
