// The task that imports a stored body. Its checkpoint is the number of rows that are settled; counts and dead letters are
// written with it. A row that was settled after the last checkpoint is settled again, which changes nothing but that it
// counts as unchanged.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalogue } from '../catalogue/types.ts';
import { AttractorError, shownMessage } from '../errors/error.ts';
import type { TaskRow, TaskTable } from '../store/tasks.ts';
import { type Body, surveyBody } from './body.ts';
import { importBody, type RowReading } from './import-body.ts';
import type { TaskKind, TaskRun } from './task.ts';

export interface ImportParams extends Omit<Body, 'path'> {
  /** Only the rows that are dead letters. */
  readonly only?: true;
}

interface Counts {
  created: number;
  updated: number;
  unchanged: number;
  failed: number;
  warnings?: readonly string[];
}

const NOTHING: Counts = { created: 0, updated: 0, unchanged: 0, failed: 0 };

/** More dead letters than anyone looks at: a body of another table altogether. */
const MOST_LETTERS = 100_000;

export function bodyPath(directory: string, uid: number): string {
  return join(directory, `${uid}.rows`);
}

export function importTask(options: {
  catalogue: Catalogue;
  /** Where the bodies are. */
  directory: string;
  reading: RowReading;
}): TaskKind {
  const { directory } = options;
  return {
    async run(run) {
      const details = await runImport(options, run);
      // Its rows are needed no more.
      if (details.failed === 0) rmSync(bodyPath(directory, run.row.uid), { force: true });
      return details;
    },
    retry: retryImport,
  };
}

async function runImport(
  { catalogue, directory, reading }: { catalogue: Catalogue; directory: string; reading: RowReading },
  { row, signal, table, checkpoint }: TaskRun,
): Promise<Counts> {
  const { uid } = row;
  const { only, ...facts } = JSON.parse(row.params) as ImportParams;
  const body: Body = { ...facts, path: bodyPath(directory, uid) };
  const collection = catalogue.collection(row.collection!);
  const survey = await surveyBody({ body, maxRowBytes: reading.maxRowBytes, signal });
  const counts: Counts = { ...NOTHING, ...JSON.parse(row.details) };
  if (survey.warnings.length > 0) counts.warnings = survey.warnings;
  const letters = only && linesOf(table, uid);
  const total = letters ? Math.max(row.total, letters.size) : survey.rows;
  let done = letters ? total - letters.size : row.done;
  checkpoint({ done, total, details: counts });
  const skip = letters ? 0 : done;
  for await (const results of importBody({
    collection,
    body,
    survey,
    reading,
    skip,
    only: letters,
    signal,
  })) {
    done += results.length;
    let failed = 0;
    for (const { outcome } of results) {
      if (typeof outcome === 'string') counts[outcome]++;
      else failed++;
    }
    counts.failed += failed - (letters ? results.length : 0);
    checkpoint({ done, total, details: counts, failed }, () => {
      for (const { line, id, outcome } of results) {
        if (typeof outcome === 'string') {
          if (letters) table.removeDeadLetter(uid, line);
          continue;
        }
        const reason = shownMessage(outcome).slice(0, 500);
        table.putDeadLetter({ uid, line, id, code: outcome.code, reason });
      }
      if (table.countDeadLetters(uid) > MOST_LETTERS) {
        throw new AttractorError('dataset_invalid', `More than ${MOST_LETTERS} rows failed.`);
      }
    });
  }
  return counts;
}

function linesOf(table: TaskTable, uid: number): Set<number> {
  return new Set(table.deadLetters({ uid, limit: MOST_LETTERS }).map(({ line }) => line));
}

/** What did not get to its end goes on; where it did, its dead letters are tried again. */
function retryImport(row: TaskRow, table: TaskTable) {
  const params = JSON.parse(row.params) as ImportParams;
  if (row.status !== 'succeeded') return { params: row.params, done: row.done, total: row.total };
  const letters = table.countDeadLetters(row.uid);
  if (letters === 0) return undefined;
  return { params: JSON.stringify({ ...params, only: true }), done: 0, total: letters };
}
