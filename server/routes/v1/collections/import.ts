// /v1/collections/{collection}/import, /duplicates and /compact: what may take long.

import type { Catalogue } from '../../../../src/catalogue/types.ts';
import { AttractorError, asAttractorError } from '../../../../src/errors/error.ts';
import type { RowResult } from '../../../../src/tasks/import-body.ts';
import type { Tasks } from '../../../../src/tasks/tasks.ts';
import type { Limits } from '../../../config.ts';
import { errorBody } from '../../../http/error-handler.ts';
import { type Once, refuseKey } from '../../../http/idempotency.ts';
import { fromText } from '../../../http/options.ts';
import type { Call, Route } from '../../../http/route.ts';
import { parse } from '../../../http/validate.ts';
import * as shown from '../../../schemas/task-replies.ts';
import { findDuplicates, importOptions, importRow } from '../../../schemas/tasks.ts';
import { made } from '../tasks.ts';

export function importRoutes(options: {
  catalogue: Catalogue;
  tasks: Tasks;
  limits: Limits;
  once: Once;
}): Route[] {
  const { catalogue, tasks, limits, once } = options;
  const collection = '/v1/collections/:collection';
  return [
    {
      method: 'post',
      path: `${collection}/import`,
      reads: 'rows',
      doc: {
        summary: 'Add or replace items, any number of them: JSON Lines or CSV',
        query: importOptions,
        row: importRow,
        media: { 'application/x-ndjson': shown.importLine },
        accepted: shown.task,
      },
      query: true,
      async handle(call) {
        const { params, query, rows } = call;
        const { signal } = call.stop;
        const collection = catalogue.collection(params.collection!);
        const { wait } = parse(importOptions, fromText(query), 'query');
        if (wait) refuseKey(call, 'but with wait=false, as rows may be sent again at will');
        const body = await tasks.receive({ ...rows!, maxBytes: limits.importBytes, signal });
        if (!wait) {
          // Here and not for the route: what is asked is known when its last byte is there.
          const request = ['import', params, body.format, body.sha256];
          let taken = false;
          const work = (record: Call['record']) => {
            taken = true;
            return made((onMade) => tasks.importLater({ collection, body, onMade }), record);
          };
          return once({ call, request, work }).finally(() => taken || tasks.discard(body));
        }
        let warnings: readonly string[] = [];
        const results = tasks.importNow({
          ...{ collection, body, signal },
          onSurvey: (survey) => {
            warnings = survey.warnings;
          },
        });
        // A body that is no table at all is refused as a whole, before the answer has begun.
        const first = await results.next();
        return {
          stream: resultLines(first.done ? [] : first.value, results, warnings),
          headers: { 'Content-Type': 'application/x-ndjson; charset=utf-8' },
        };
      },
    },
    {
      method: 'post',
      path: `${collection}/duplicates`,
      doc: { summary: 'Find near-duplicates, as a task', body: findDuplicates, accepted: shown.task },
      reads: 'json',
      once: true,
      handle({ params, fields, record }) {
        const collection = catalogue.collection(params.collection!);
        const { threshold, across_groups: acrossGroups } = parse(findDuplicates, fields);
        const asked = { collection, threshold, acrossGroups };
        return made((onMade) => tasks.duplicates({ ...asked, onMade }), record);
      },
    },
    {
      method: 'post',
      path: `${collection}/compact`,
      doc: { summary: 'Build the graph anew, as a task', accepted: shown.task },
      once: true,
      handle({ params, record }) {
        const collection = catalogue.collection(params.collection!);
        return made((onMade) => tasks.compact({ collection, onMade }), record);
      },
    },
  ];
}

/** A line per row, and one with the counts. Where the import ends before its rows do, that one has an error. */
async function* resultLines(
  first: RowResult[],
  rest: AsyncIterable<RowResult[]>,
  warnings: readonly string[],
): AsyncGenerator<string> {
  const counts = { created: 0, updated: 0, unchanged: 0, failed: 0 };
  const lines = (results: readonly RowResult[]) => {
    for (const { outcome } of results) counts[typeof outcome === 'string' ? outcome : 'failed']++;
    return results.map((result) => `${JSON.stringify(showRow(result))}\n`).join('');
  };
  let error: AttractorError | undefined;
  try {
    yield lines(first);
    for await (const results of rest) yield lines(results);
  } catch (thrown) {
    error = asAttractorError(thrown);
  }
  const said = warnings.length > 0 && { warnings };
  yield `${JSON.stringify({ counts, ...said, ...(error && { error: errorBody(error) }) })}\n`;
}

function showRow({ line, id, outcome }: RowResult): object {
  return outcome instanceof AttractorError
    ? { line, id, status: 'failed', error: errorBody(outcome) }
    : { line, id, status: outcome };
}
