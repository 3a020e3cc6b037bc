// One collection, as the API and the CLI hold it: each method checks that it is open and calls the one that does it.

import { AttractorError, invalid, refuseAborted, refuseUnknown } from '../errors/error.ts';
import { sniff } from '../image/formats.ts';
import type { CollectionRow } from '../store/store.ts';
import { type CollectionContext, hasModel, rowOf, shown } from './context.ts';
import { findDuplicates } from './duplicates.ts';
import { facetOf } from './facet.ts';
import { queryGroups } from './groups.ts';
import { itemOf } from './item-cache.ts';
import { deleteByFilter, patchItems } from './patch.ts';
import { queryItems } from './query.ts';
import { countItems, scrollItems } from './scroll.ts';
import { askedFilter, selectionOf, warningsOf } from './selection.ts';
import type { Collection, CollectionInfo, QueryOptions } from './types.ts';
import { deleteItems, upsertItems } from './upsert.ts';

export function collectionOf(context: CollectionContext): Collection {
  return {
    get info(): CollectionInfo {
      const { index, busy } = context.maintained;
      const status = busy ? 'yellow' : 'green';
      return infoOf(context.row, { count: index.size, indexed: index.inGraph, status });
    },

    get tombstones() {
      return context.maintained.index.graph.tombstones;
    },

    get buildFailures() {
      return context.maintained.failures;
    },

    get recall() {
      return context.audit.report();
    },

    async upsert(options) {
      context.assertOpen();
      refuseUnknown(options, ['items', 'allOrNothing', 'priority', 'signal', 'onWritten'], 'upsert');
      if (!Array.isArray(options.items)) throw invalid('items', 'an array of items', options.items);
      refuseAborted(options.signal);
      return upsertItems(context, options);
    },

    get(options) {
      context.assertOpen();
      const row = rowOf(context, options.id);
      return shown(context, itemOf(row), row.slot, options.withVector);
    },

    image(options) {
      context.assertOpen();
      const { imageHash } = rowOf(context, options.id);
      const bytes = imageHash === null ? undefined : context.store.items.image(imageHash);
      if (imageHash === null || !bytes) {
        throw new AttractorError('image_not_stored', `The item "${options.id}" was added by its vector.`);
      }
      return { bytes, mime: sniff(bytes) ?? 'application/octet-stream', hash: imageHash };
    },

    delete(options) {
      context.assertOpen();
      if (!Array.isArray(options.ids)) throw invalid('ids', 'an array of ids', options.ids);
      return deleteItems(context, options);
    },

    async compact() {
      context.assertOpen();
      return context.maintained.compact();
    },

    async deleteByFilter(options) {
      context.assertOpen();
      return deleteByFilter(context, options);
    },

    async patch(options) {
      context.assertOpen();
      return patchItems(context, options);
    },

    async scroll(options) {
      context.assertOpen();
      return scrollItems(context, options);
    },

    async count(options) {
      context.assertOpen();
      return countItems(context, options);
    },

    async facet(options) {
      context.assertOpen();
      return facetOf(context, options);
    },

    warnings(options) {
      const asked = askedFilter(options.filter);
      const selection = asked && selectionOf(context, asked);
      const use = options.facet === undefined ? undefined : ({ as: 'facet', key: options.facet } as const);
      return warningsOf(context, selection, use);
    },

    query(options: QueryOptions) {
      return queryItems(context, options);
    },

    async duplicates(options) {
      context.assertOpen();
      refuseAborted(options.signal);
      return findDuplicates(context, options);
    },

    queryGroups(options) {
      return queryGroups(context, options);
    },
  };
}

export function infoOf(
  row: CollectionRow,
  state: Pick<CollectionInfo, 'count' | 'indexed' | 'status'>,
): CollectionInfo {
  const { id: _, model, fingerprint, ...info } = row;
  const made = hasModel(row) ? { model, fingerprint } : { model: null, fingerprint: null };
  return { ...info, ...made, ...state };
}
