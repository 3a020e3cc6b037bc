// An upsert with wait=false: its items as the rows of an import task.

import type { z } from 'zod';
import type { Collection } from '../../../../src/catalogue/types.ts';
import type { Tasks } from '../../../../src/tasks/tasks.ts';
import type { Call, Reply } from '../../../http/route.ts';
import { parse } from '../../../http/validate.ts';
import { made } from '../tasks.ts';

/** What is malformed is refused at once, as with wait=true. */
export async function upsertLater(options: {
  collection: Collection;
  tasks: Tasks;
  body: z.ZodType;
  fields: unknown;
  signal: AbortSignal;
  record: Call['record'];
}): Promise<Reply> {
  const { collection, tasks, fields, signal, record } = options;
  parse(options.body, fields);
  const { items } = fields as { items: readonly unknown[] };
  async function* rows() {
    for (const item of items) yield Buffer.from(`${JSON.stringify(item)}\n`);
  }
  // As long as the call was: that is bounded already.
  const maxBytes = Number.POSITIVE_INFINITY;
  const body = await tasks.receive({ chunks: rows(), format: 'jsonl', maxBytes, signal });
  return made((onMade) => tasks.importLater({ collection, body, onMade }), record);
}
