// What every dataset reader yields: one row per image, paths resolved, plus the rows that cannot be used and why.

export type Split = 'train' | 'validation' | 'test';

/** Pixels of the stored image, from its top left corner. */
export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface DatasetRow {
  /** 1-based line in the source file, or ordinal in a folder listing. */
  readonly line: number;
  /** Unique within the data set. */
  readonly id: string;
  /** Class for training, group (product id) for a catalogue. */
  readonly label: string;
  /** Absolute path. */
  readonly image: string;
  readonly tags: readonly string[];
  /** The remaining columns, typed: numbers and booleans where every character says so. */
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** Where the source says which part of its own split the row is in. */
  readonly split?: Split;
  /** Where the source says which side of a search the row is on. */
  readonly role?: 'query' | 'gallery' | 'both';
  /** Where the source says what part of the image the object fills. */
  readonly box?: Box;
}

export interface DatasetProblem {
  /** 0 where it is not about one line. */
  readonly line: number;
  readonly reason: string;
  /** Where it is one of those that come with every kind of source. */
  readonly kind?: 'missing-file' | 'empty-label' | 'repeated' | 'two-labels';
}

export interface Dataset {
  readonly rows: readonly DatasetRow[];
  readonly problems: readonly DatasetProblem[];
  /** What the source itself calls the columns that these are, where it is a table. */
  readonly columns?: SourceColumns;
  /** What is probably not meant, though every row of it can be used. */
  readonly warnings?: readonly DatasetWarning[];
}

export interface DatasetWarning {
  readonly line: number;
  readonly reason: string;
}

export interface SourceColumns {
  readonly label?: string;
  readonly id?: string;
  readonly tags?: string;
}

/** What is wrong with a row that was there before: nothing but waste under one label, a contradiction under two. */
export function repeated(options: {
  reason: string;
  labels: readonly [string, string];
}): Pick<DatasetProblem, 'reason' | 'kind'> {
  const { reason, labels } = options;
  if (labels[0] === labels[1]) return { reason, kind: 'repeated' };
  return {
    reason: `${reason} under another label, "${labels[0]}" and not "${labels[1]}"`,
    kind: 'two-labels',
  };
}
