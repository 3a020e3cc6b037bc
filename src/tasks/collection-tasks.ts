// The tasks that read one collection: near-duplicates, and the graph built anew.

import type { Catalogue, Collection } from '../catalogue/types.ts';
import { whyAborted } from '../errors/error.ts';
import type { TaskKind } from './task.ts';

export interface DuplicatesParams {
  readonly threshold: number;
  readonly acrossGroups?: boolean;
}

/** Clusters that are kept in the task; the largest come first. */
const KEPT_CLUSTERS = 1000;

/** Its details: how many clusters and items there are, and the largest clusters. */
export function duplicatesTask({ catalogue }: { catalogue: Catalogue }): TaskKind {
  return {
    async run({ row, signal, progress }) {
      const { threshold, acrossGroups } = JSON.parse(row.params) as DuplicatesParams;
      const collection = catalogue.collection(row.collection!);
      const clusters = await collection.duplicates({ threshold, acrossGroups, signal, onProgress: progress });
      return {
        clusters: clusters.length,
        items: clusters.reduce((sum, { items }) => sum + items.length, 0),
        largest: clusters.slice(0, KEPT_CLUSTERS),
      };
    },
  };
}

export function compactTask({ catalogue }: { catalogue: Catalogue }): TaskKind {
  return {
    async run({ row, signal, progress }) {
      const collection = catalogue.collection(row.collection!);
      const total = collection.info.count;
      progress({ done: 0, total });
      await compacted(collection, signal);
      progress({ done: total, total });
      return { items: collection.info.count };
    },
  };
}

/** A build cannot be called back; who aborts no longer waits for it, and it ends with the catalogue at the latest. */
function compacted(collection: Collection, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(whyAborted(signal));
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    collection.compact().then(resolve, reject);
  });
}
