// Which rows nothing is fitted or chosen on. Classes, never single images.

import { type QueryGallery, splitByLayout } from '../src/dataset/published-split.ts';
import type { DatasetRow } from '../src/dataset/row.ts';
import { type ClassSplit, splitClasses } from '../src/dataset/split.ts';
import { AttractorError, withoutPrefix } from '../src/errors/error.ts';

export interface TestSplit extends ClassSplit {
  /** It is the data set's own. */
  readonly own: boolean;
  /** Places in `held`, where the data set says what is searched for and what is searched. */
  readonly sides?: QueryGallery;
}

/**
 * `held` is scored once. `fraction`: share of the classes, drawn by the seed; undefined: what the data set itself tests on, or
 * nothing where it has no split. Throws `dataset_invalid` where its split has a class on both sides, or a search only one, and as
 * splitClasses.
 */
export function testSplit(options: {
  rows: readonly DatasetRow[];
  fraction: number | undefined;
  seed: number;
}): TestSplit {
  const { rows, fraction, seed } = options;
  const labels = rows.map((row) => row.label);
  const own = fraction === undefined && rows.some((row) => row.split === 'test');
  if (!own) {
    try {
      return { ...splitClasses({ labels, fraction: fraction ?? 0, seed }), own };
    } catch (error) {
      throw withoutPrefix(error, 'fraction', 'testClasses');
    }
  }
  const { train, validation, test, shared, ...roles } = splitByLayout({ rows });
  const tested = new Set(test.map((row) => labels[row]!));
  const both = shared.filter((label) => tested.has(label));
  if (both.length > 0) {
    throw new AttractorError(
      'dataset_invalid',
      `The data set's own split has ${both.length} classes on both sides, such as "${both[0]}"; hold classes out with testClasses, 0 for none`,
    );
  }
  const placeOf = new Map(test.map((row, place) => [row, place]));
  const places = (side: readonly number[]) => side.flatMap((row) => placeOf.get(row) ?? []);
  const [queries, gallery] = [places(roles.queries), places(roles.gallery)];
  if (queries.length === 0 || gallery.length === 0) {
    const missing = queries.length === 0 ? 'queries' : 'gallery';
    throw new AttractorError(
      'dataset_invalid',
      `The data set's own test classes have no ${missing}; hold classes out with testClasses, 0 for none`,
    );
  }
  const apart = queries.length < test.length || gallery.length < test.length;
  const kept = [...train, ...validation].sort((a, b) => a - b);
  return { kept, held: test, own, sides: apart ? { queries, gallery } : undefined };
}
