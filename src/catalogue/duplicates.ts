// Near-duplicates of a whole collection: clusters of items that are linked by pairs of at least some cosine (single
// linkage). Exact, and in turns short enough for queries to be answered in between.

import { invalid, refuseUnknown } from '../errors/error.ts';
import type { CollectionContext } from './context.ts';
import { takeTurns } from './turns.ts';
import type { DuplicateCluster, DuplicateOptions } from './types.ts';

export async function findDuplicates(
  context: CollectionContext,
  options: DuplicateOptions,
): Promise<DuplicateCluster[]> {
  refuseUnknown(options, ['threshold', 'acrossGroups', 'signal', 'onProgress'], 'duplicates');
  const { threshold, acrossGroups = false, signal, onProgress } = options;
  if (typeof threshold !== 'number' || !(threshold >= -1 && threshold <= 1)) {
    throw invalid('threshold', 'a number from -1 to 1', threshold);
  }
  const { flat } = context.maintained.index;
  const links = new Links();
  let done = 0;
  const turns = takeTurns(context, signal);
  // What changes meanwhile is seen or not seen, as it comes: slots only ascend.
  for (let slot = flat.next(-1); slot !== undefined; slot = flat.next(slot)) {
    const vector = flat.vector(slot).slice();
    for (const other of flat.within({ vector, atLeast: threshold, after: slot })) links.join(slot, other);
    done++;
    if (!turns.over) continue;
    onProgress?.({ done, total: flat.size });
    await turns.next();
  }
  onProgress?.({ done, total: done });
  return clustersOf(context, links, acrossGroups);
}

function clustersOf(context: CollectionContext, links: Links, acrossGroups: boolean): DuplicateCluster[] {
  const { store, row } = context;
  return links
    .clusters()
    .map((slots) => slots.flatMap((slot) => store.items.bySlot(row.id, slot) ?? []))
    .filter((rows) => rows.length > 1 && (!acrossGroups || new Set(rows.map(({ group }) => group)).size > 1))
    .map((rows) => ({ items: rows.map(({ id, group }) => ({ id, group })) }))
    .sort((a, b) => b.items.length - a.items.length);
}

/** Union-find over slots, of those only that were joined. */
class Links {
  readonly #parent = new Map<number, number>();

  join(a: number, b: number): void {
    const [rootA, rootB] = [this.#root(a), this.#root(b)];
    // The lower one stays: clusters are named after their first member.
    this.#parent.set(Math.max(rootA, rootB), Math.min(rootA, rootB));
  }

  /** Members ascend, clusters in order of their first. */
  clusters(): number[][] {
    const byRoot = new Map<number, number[]>();
    for (const slot of [...this.#parent.keys()].sort((a, b) => a - b)) {
      const root = this.#root(slot);
      const members = byRoot.get(root);
      if (members) members.push(slot);
      else byRoot.set(root, [slot]);
    }
    return [...byRoot.values()];
  }

  #root(slot: number): number {
    let root = slot;
    for (let up = this.#parent.get(root); up !== undefined && up !== root; up = this.#parent.get(root))
      root = up;
    // The way is short the next time.
    for (let at = slot; at !== root; ) {
      const up = this.#parent.get(at)!;
      this.#parent.set(at, root);
      at = up;
    }
    this.#parent.set(root, root);
    return root;
  }
}
