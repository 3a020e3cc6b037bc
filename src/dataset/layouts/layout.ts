// What the readers of published data sets share: what a layout is, lines of text, and rows collected with the checks that all
// of them need. Whether the images are there is readDataset's to see.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AttractorError } from '../../errors/error.ts';
import { type Dataset, type DatasetProblem, type DatasetRow, repeated } from '../row.ts';

export interface Layout {
  readonly title: string;
  /** A folder has this layout where it holds one of these files (relative, `/`). */
  readonly marks: readonly string[];
  /** Names of the folder that its archive unpacks to, so that the folder around it will do too. */
  readonly archives: readonly string[];
  /** Rows in the order of the lists, with the split of its papers. Throws `dataset_invalid` where a list is missing. */
  read(folder: string): Promise<Dataset>;
}

export interface Line {
  /** 1-based. */
  readonly line: number;
  readonly text: string;
}

/** Lines that are not empty, without the byte order mark and the spaces around them; undefined where there is no such file. */
export async function textLines(folder: string, name: string): Promise<Line[] | undefined> {
  const text = await readFile(join(folder, name), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw new AttractorError('dataset_invalid', `Cannot read ${name}: ${error.message}`, { cause: error });
  });
  return text
    ?.replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((raw, i) => ({ line: i + 1, text: raw.trim() }))
    .filter(({ text }) => text !== '');
}

/** The same for a list that the layout cannot do without. */
export async function neededLines(folder: string, name: string, title: string): Promise<Line[]> {
  const lines = await textLines(folder, name);
  if (lines === undefined) throw new AttractorError('dataset_invalid', `${title}: ${name} is missing`);
  return lines;
}

/** `key value` lines as a map; a line without a value, or with a key that is there, is a problem. */
export function keyed(lines: readonly Line[], name: string, rows: RowCollector): Map<string, string> {
  const found = new Map<string, string>();
  for (const { line, text } of lines) {
    const parts = /^(\S+)\s+(.+)$/.exec(text);
    if (parts === null) rows.refuse(line, `${name}: expected a number and a value, received "${text}"`);
    else if (found.has(parts[1]!)) rows.refuse(line, `${name}: ${parts[1]} is there twice`);
    else found.set(parts[1]!, parts[2]!);
  }
  return found;
}

export interface RowCollector {
  /** The id is the image's path in the layout; one that is there already is refused. `file` is named in the reason. */
  add(row: Omit<DatasetRow, 'tags' | 'attributes'> & Partial<DatasetRow>, file: string): void;
  refuse(line: number, reason: string): void;
  dataset(): Dataset;
}

export function collectRows(): RowCollector {
  const rows: DatasetRow[] = [];
  const problems: DatasetProblem[] = [];
  const places = new Map<string, { line: number; label: string; file: string }>();
  return {
    refuse: (line, reason) => void problems.push({ line, reason }),
    add(row, file) {
      const { line, id, label } = row;
      const earlier = places.get(id);
      if (label === '') {
        problems.push({ line, reason: `${file}: expected a label, received nothing`, kind: 'empty-label' });
      } else if (earlier !== undefined) {
        const where = `line ${earlier.line} of ${earlier.file}`;
        const reason = `${file}: ${id} is already on ${where}`;
        problems.push({ line, ...repeated({ reason, labels: [earlier.label, label] }) });
      } else {
        places.set(id, { line, label, file });
        rows.push({ tags: [], attributes: {}, ...row });
      }
    },
    dataset: () => ({ rows, problems }),
  };
}
