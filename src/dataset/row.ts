// What every dataset reader yields: one row per image, paths resolved, plus the rows that cannot be used and why.

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
}

export interface DatasetProblem {
  readonly line: number;
  readonly reason: string;
}

export interface Dataset {
  readonly rows: readonly DatasetRow[];
  readonly problems: readonly DatasetProblem[];
}
