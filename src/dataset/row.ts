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
}

export interface Dataset {
  readonly rows: readonly DatasetRow[];
  readonly problems: readonly DatasetProblem[];
}
