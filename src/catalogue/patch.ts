// Changing many items at once: their metadata, without embedding anything again, or deleting all that pass a filter.
// Both go in steps of one transaction each, and others are answered in between.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { invalid, refuseAborted, refuseUnknown } from '../errors/error.ts';
import type { FilterInput } from '../filter/read.ts';
import type { ItemRow } from '../store/items.ts';
import type { CollectionContext } from './context.ts';
import type { IndexedItem } from './indexed-items.ts';
import { type AskedFilter, askedFilter, prepareFilter, selectionOf } from './selection.ts';
import type { AttributeValue, InSteps, StepsDone, Writing } from './types.ts';
import { deleteItems } from './upsert.ts';
import { attributesText, checkText, LIMITS, tagsText } from './validate.ts';

/** Items per transaction: some ten milliseconds, in which nobody else is answered. */
const STEP = 250;

export interface PatchOptions extends Writing<PatchResult>, InSteps {
  /** The items: exactly one of these two. Ids that are not there are counted out. */
  readonly ids?: readonly string[];
  readonly filter?: FilterInput;
  /** Merged into those of the item, name by name; null removes one. */
  readonly attributes?: Readonly<Record<string, AttributeValue | null>>;
  /** In place of the item's own; null: none. */
  readonly tags?: readonly string[] | null;
  /** Null: the item's own id. */
  readonly group?: string | null;
  /** True: nothing is merged; what is not named goes back to what an item without it has. */
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

export interface PatchResult {
  /** Items that were to be changed, */
  readonly matched: number;
  /** and those of them that are not as they were. */
  readonly updated: number;
}

/**
 * Durable when it returns. Up to 250 items are changed all or none; more in steps of as many, and what stops it in the
 * middle (a merge that exceeds the limit on attributes, the signal) leaves the steps before it done.
 */
export async function patchItems(context: CollectionContext, options: PatchOptions): Promise<PatchResult> {
  const known = ['ids', 'filter', 'attributes', 'tags', 'group', 'replace', ...STEPPING];
  refuseUnknown(options, known, 'patch');
  checkPatch(options);
  const show = ({ matched, changed: updated }: Counts) => ({ matched, updated });
  return inSteps(context, options, show, (rows, onWritten) =>
    patchRows(context, rows, { ...options, onWritten }),
  );
}

/** Like `patchItems`, in steps. */
export async function deleteByFilter(
  context: CollectionContext,
  options: { filter: FilterInput; signal?: AbortSignal } & InSteps & Writing<{ deleted: number }>,
): Promise<{ deleted: number }> {
  refuseUnknown(options, ['filter', ...STEPPING], 'delete');
  if (options.filter === undefined) throw invalid('filter', 'a filter', undefined);
  const show = ({ changed: deleted }: Counts) => ({ deleted });
  return inSteps(context, options, show, (rows, onWritten) => {
    const ids = rows.map(({ id }) => id);
    deleteItems(context, { ids, onWritten: ({ deleted }) => onWritten(deleted) });
  });
}

const STEPPING = ['signal', 'onWritten', 'onStep', 'from'];
type Counts = Pick<StepsDone, 'matched' | 'changed'>;

/**
 * `step` does a transaction and says in it how many items it changed. Of the slots only what is still there: an item that is
 * replaced meanwhile has another one. At least one step.
 */
async function inSteps<Result>(
  context: CollectionContext,
  options: { ids?: readonly string[]; filter?: FilterInput; signal?: AbortSignal } & InSteps &
    Writing<Result>,
  show: (counts: Counts) => Result,
  step: (rows: ItemRow[], onWritten: (changed: number) => void) => void,
): Promise<Result> {
  const { signal, from, onStep, onWritten } = options;
  let { matched, changed } = from ?? { matched: 0, changed: 0 };
  const all = await slotsOf(context, options);
  const slots = all.filter((slot) => slot > (from?.slot ?? -1));
  for (let at = 0; at === 0 || at < slots.length; at += STEP) {
    if (at > 0) await nextTurn();
    refuseAborted(signal);
    context.assertOpen();
    const part = slots.slice(at, at + STEP);
    const rows = context.store.items.bySlots(context.row.id, part);
    step(rows, (these) => {
      matched += rows.length;
      changed += these;
      if (at + STEP >= slots.length) onWritten?.(show({ matched, changed }));
      else onStep?.({ slot: part.at(-1)!, matched, changed });
    });
  }
  return show({ matched, changed });
}

/** Ascending. */
async function slotsOf(
  context: CollectionContext,
  { ids, filter, signal }: { ids?: readonly string[]; filter?: FilterInput; signal?: AbortSignal },
): Promise<number[]> {
  const { store, row } = context;
  const slots = ids
    ? new Set(store.items.slotsOf(row.id, 'id', ids))
    : await filteredSlots(context, askedFilter(filter)!, signal);
  return [...slots].sort((a, b) => a - b);
}

async function filteredSlots(
  context: CollectionContext,
  filter: AskedFilter,
  signal: AbortSignal | undefined,
): Promise<Iterable<number>> {
  await prepareFilter(context, filter, signal);
  return context.maintained.items.slots(selectionOf(context, filter).mask);
}

/** One transaction, and in its turn the memory. Tells how many were not so already. */
function patchRows(
  context: CollectionContext,
  rows: readonly ItemRow[],
  patch: Omit<PatchOptions, 'onWritten'> & { onWritten: (updated: number) => void },
): void {
  const { store, maintained, row: collection } = context;
  const changed: Omit<IndexedItem, 'vector'>[] = [];
  store.transaction(() => {
    for (const row of rows) {
      const { group, tags, attributes } = patched(row, patch);
      if (group === row.group && tags === row.tags && attributes === row.attributes) continue;
      const { slot } = row;
      store.items.updateMetadata({ collection: collection.id, slot, group, tags, attributes });
      changed.push({ slot, tags, attributes });
    }
    patch.onWritten(changed.length);
  });
  for (const item of changed) maintained.items.update(item);
  if (changed.length > 0) context.audit.changed();
}

function patched(
  row: ItemRow,
  patch: Omit<PatchOptions, 'onWritten'>,
): Pick<ItemRow, 'group' | 'tags' | 'attributes'> {
  const { attributes = {}, replace = false } = patch;
  const old = replace ? { ...row, group: row.id, tags: '[]', attributes: '{}' } : row;
  const merged = Object.entries({ ...JSON.parse(old.attributes), ...attributes });
  const left = Object.fromEntries(merged.filter(([, value]) => value !== null));
  return {
    group: patch.group === undefined ? old.group : (patch.group ?? row.id),
    tags: patch.tags === undefined ? old.tags : tagsText(patch.tags ?? [], 'tags'),
    attributes: attributesText(left as Record<string, AttributeValue>, 'attributes'),
  };
}

/** What can be said before any item is seen. */
function checkPatch({ ids, filter, attributes, tags, group, replace }: PatchOptions): void {
  if ((ids === undefined) === (filter === undefined)) {
    throw invalid('ids', 'exactly one of ids and filter', ids === undefined ? 'neither' : 'both');
  }
  if (ids !== undefined && !Array.isArray(ids)) throw invalid('ids', 'an array of ids', ids);
  if (attributes === undefined && tags === undefined && group === undefined && !replace) {
    throw invalid('attributes', 'at least one of attributes, tags and group', 'none of them');
  }
  if (tags !== undefined && tags !== null) tagsText(tags, 'tags');
  if (group !== undefined && group !== null) checkText(group, 'group', LIMITS.id);
  if (attributes === undefined) return;
  if (attributes === null || typeof attributes !== 'object' || Array.isArray(attributes)) {
    throw invalid('attributes', 'an object', attributes);
  }
  const set = Object.entries(attributes).filter(([, value]) => value !== null);
  attributesText(Object.fromEntries(set) as Record<string, AttributeValue>, 'attributes');
}
