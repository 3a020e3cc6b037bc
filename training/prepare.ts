// What every training command begins with: a data set, a backbone, and the backbone's features of the data set.

import { type ReadDatasetOptions, readDataset } from '../src/dataset/read.ts';
import type { Dataset, DatasetProblem, DatasetRow } from '../src/dataset/row.ts';
import { type Condition, columnOf, rowsWhere } from '../src/dataset/where.ts';
import { createEmbedder } from '../src/embed/pool.ts';
import { AttractorError, invalid } from '../src/errors/error.ts';
import { type LoadedModel, loadModel } from '../src/model/load.ts';
import { AUGMENT_DEFAULTS, type AugmentKind, createAugmentation } from './augment/augmentation.ts';
import { extractViews } from './augment/extract-views.ts';
import { splitBackbone } from './finetune/suffix.ts';
import { type Labelled, longestOf } from './fit/space.ts';

export interface DataOptions {
  readonly data: ReadDatasetOptions;
  /** Rows are kept where every condition holds. */
  readonly where?: readonly Condition[];
  /**
   * An attribute that says where an image comes from (a shop, a day, a photographer): validation and test look for an image only among
   * those from elsewhere. Nothing is trained differently.
   */
  readonly across?: string;
  /** Model folder of the frozen backbone. */
  readonly backbone: string;
  /** Folder of the feature cache. */
  readonly cache: string;
  /** Of each image: as it is, and so many less one augmented; heads are trained on all of them. Default 1. */
  readonly views?: number;
  /** What happens to an image in the other views. Default DEFAULT_AUGMENT. */
  readonly augment?: readonly AugmentKind[];
}

/** No mirror image and no colours: some goods differ in just these. */
export const DEFAULT_AUGMENT: readonly AugmentKind[] = ['crop', 'jpeg', 'blur'];

/** No query waits behind a batch here, and onnxruntime is a tenth faster than with the two images of a server. */
const BULK_BATCH = 8;

/** Other views depend on the image, this and their number alone: they are cached for all runs. */
const VIEW_SEED = 1;

export const DATA_OPTIONS: readonly (keyof DataOptions)[] = [
  'data',
  'where',
  'across',
  'backbone',
  'cache',
  'views',
  'augment',
];

export interface Progress {
  /** What is under way: `features`, `audit`, a method in the race, then `refit <method>`. */
  readonly phase: string;
  readonly done: number;
  readonly total: number;
}

export interface Prepared {
  readonly backbone: LoadedModel;
  readonly rows: readonly DatasetRow[];
  readonly data: Labelled;
  readonly classes: number;
  readonly problems: readonly DatasetProblem[];
}

/** Splitting twice, and choosing on a part, needs some classes that can be told from others at all. */
const LEAST_CLASSES = 5;

export interface OpenOptions extends Omit<DataOptions, 'cache'> {
  /** Length that embeddings are to have: one that these data cannot give is refused. */
  readonly dimension?: number;
  /** As the recipe's: a place that the backbone has not, or that cannot be trained from, is refused. */
  readonly train?: string;
  /** What else is to be refused, by the rows and the length of a feature row. */
  readonly check?: (rows: readonly DatasetRow[], inputs: number) => void;
}

/**
 * Everything that can be refused before an image is read. Throws `dataset_invalid` where fewer than 5 classes have two images or
 * more, `invalid_argument`, `model_not_found`, `model_invalid`, and what splitBackbone throws.
 */
export async function openData(options: OpenOptions) {
  const { views = 1, augment, where = [], across, dimension, train = 'head', check } = options;
  for (const kind of augment ?? []) {
    if (!Object.hasOwn(AUGMENT_DEFAULTS, kind)) {
      throw invalid('augment', `some of ${Object.keys(AUGMENT_DEFAULTS).join(', ')}`, kind);
    }
  }
  if (augment !== undefined && views === 1) throw invalid('augment', 'nothing where views is 1', augment);
  const dataset = await readDataset(options.data);
  const { columns } = dataset;
  const wanted = rowsWhere({ rows: dataset.rows, conditions: where, columns });
  /** Asked once more where images of some rows turn out to be none. */
  const enoughClasses = (rows: readonly DatasetRow[]) => {
    const sizes = new Map<string, number>();
    for (const { label } of rows) sizes.set(label, (sizes.get(label) ?? 0) + 1);
    const several = [...sizes.values()].filter((size) => size > 1).length;
    if (several >= LEAST_CLASSES) return sizes.size;
    const few = `${several} of ${sizes.size} classes with two images or more; training needs ${LEAST_CLASSES}`;
    const [field, text] =
      wanted.length < dataset.rows.length
        ? [
            where.every(({ not }) => not) ? 'whereNot' : 'where',
            `leaves ${wanted.length} of ${dataset.rows.length} images, ${few}`,
          ]
        : ['data', `${options.data.path} has ${few}. Is the label column the right one?`];
    throw new AttractorError('dataset_invalid', `${field}: ${text}`, { field });
  };
  enoughClasses(wanted);
  if (across !== undefined) sourcesOf(wanted, across, columns);
  const backbone = await loadModel({ directory: options.backbone });
  const longest = longestOf(wanted.length, backbone.manifest.dimension);
  if (dimension !== undefined && dimension > longest) {
    throw invalid('dimension', `at most ${longest} for this data set`, dimension);
  }
  check?.(wanted, backbone.manifest.dimension);
  if (train !== 'head') await splitBackbone({ backbone, train });
  return { backbone, wanted, columns, problems: dataset.problems, enoughClasses };
}

/** Throws what openData and extractViews throw. */
export async function prepare(
  options: OpenOptions &
    Pick<DataOptions, 'cache'> & { signal?: AbortSignal; onProgress?: (progress: Progress) => void },
): Promise<Prepared> {
  const { signal, onProgress, views = 1, augment } = options;
  const { backbone, wanted, columns, enoughClasses, ...dataset } = await openData(options);
  const { fingerprint, directory } = backbone;
  const kinds = (augment ?? DEFAULT_AUGMENT).map((kind) => [kind, true]);
  const extracted = await extractViews({
    rows: wanted,
    cache: options.cache,
    fingerprint,
    dimension: backbone.manifest.dimension,
    openEmbedder: () => createEmbedder({ directory, maxBulkBatch: BULK_BATCH }),
    contract: backbone.manifest.preprocess,
    augmentation: createAugmentation(Object.fromEntries(kinds)),
    ...{ views, seed: VIEW_SEED },
    onProgress: (progress) => onProgress?.({ phase: 'features', ...progress }),
    signal,
  });
  const { rows, problems } = extracted;
  const [features, ...others] = extracted.views;
  const labels = rows.map((row) => row.label);
  const sources = options.across === undefined ? undefined : sourcesOf(rows, options.across, columns);
  const classes = enoughClasses(rows);
  return {
    backbone,
    rows,
    data: { features: features!, labels, sources, views: others },
    classes,
    problems: [...dataset.problems, ...problems],
  };
}

/** A row without a value is a source of its own. */
function sourcesOf(rows: readonly DatasetRow[], column: string, columns: Dataset['columns']): string[] {
  const values = columnOf({ rows, column, columns, field: 'across' });
  const sources = values.map((value, row) => (value === undefined ? `row ${row}` : `value ${value}`));
  const first = new Map<string, string>();
  const apart = rows.some(({ label }, row) => {
    if (!first.has(label)) first.set(label, sources[row]!);
    return first.get(label) !== sources[row];
  });
  if (!apart) {
    throw new AttractorError(
      'dataset_invalid',
      `across: no class has images of two values of ${column}: nothing could be found`,
      { field: 'across' },
    );
  }
  return sources;
}
