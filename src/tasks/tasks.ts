// Everything long that a server does beside answering: opens the list of a catalogue, with what each type of task is.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalogue, Collection } from '../catalogue/types.ts';
import { refuseUnknown } from '../errors/error.ts';
import type { Logger } from '../errors/log.ts';
import { type Body, type BodyFormat, type Survey, surveyBody } from './body.ts';
import { compactTask, type DuplicatesParams, duplicatesTask } from './collection-tasks.ts';
import { importBody, type RowReading, type RowResult } from './import-body.ts';
import { bodyPath, type ImportParams, importTask } from './import-task.ts';
import { Incoming } from './incoming.ts';
import { TaskRunner } from './runner.ts';
import { Snapshots } from './snapshots.ts';
import type { Task, TaskObserver } from './task.ts';

export interface TasksOptions {
  readonly catalogue: Catalogue;
  /** The catalogue's data folder. */
  readonly directory: string;
  readonly reading: RowReading;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  readonly logger: Logger;
  readonly observer?: TaskObserver;
}

interface Making {
  /** Called in the transaction that makes the task. */
  readonly onMade?: (task: Task) => void;
}

export interface Tasks {
  readonly runner: TaskRunner;
  readonly snapshots: Snapshots;
  /** Writes a body to disk. Throws `body_too_large`, `aborted` or `store_full`. */
  receive: Incoming['receive'];
  /** Removes a received body that is not used. */
  discard(body: Body): void;
  /** Rows of a received body as they are settled, a batch at a time; the body is gone at the end. */
  importNow(options: {
    collection: Collection;
    body: Body;
    signal: AbortSignal;
    /** Called before the first batch. */
    onSurvey?: (survey: Survey) => void;
  }): AsyncGenerator<RowResult[]>;
  /** A received body as a task. */
  importLater(options: { collection: Collection; body: Body } & Making): Task;
  duplicates(options: { collection: Collection } & DuplicatesParams & Making): Task;
  compact(options: { collection: Collection } & Making): Task;
  snapshot(options?: Making): Task;
  /** Before the catalogue. What runs goes on at the next start. */
  close(): Promise<void>;
}

export type { BodyFormat };

/** What was cut off runs again from its last checkpoint. */
export function openTasks(options: TasksOptions): Tasks {
  refuseUnknown(options, ['catalogue', 'directory', 'reading', 'clock', 'logger', 'observer'], 'tasks');
  const { catalogue, directory: data, reading, clock, logger, observer } = options;
  const table = catalogue.tasks;
  const directory = join(data, 'tasks');
  const snapshots = new Snapshots({ directory: join(data, 'snapshots') });
  const incoming = new Incoming({
    directory,
    keeps: (uid) => {
      const row = table.get(uid);
      return row !== undefined && (row.status !== 'succeeded' || table.countDeadLetters(uid) > 0);
    },
  });
  const runner = new TaskRunner({
    table,
    kinds: {
      import: importTask({ catalogue, directory, reading }),
      duplicates: duplicatesTask({ catalogue }),
      compact: compactTask({ catalogue }),
      snapshot: snapshots.task({ data }),
    },
    clock,
    logger,
    observer,
    onForgotten: (uids) => {
      for (const uid of uids) rmSync(bodyPath(directory, uid), { force: true });
    },
  });
  runner.start();
  return {
    runner,
    snapshots,
    receive: (given) => incoming.receive(given),
    discard: (body) => incoming.discard(body),
    async *importNow({ collection, body, signal, onSurvey }) {
      try {
        const survey = await surveyBody({ body, maxRowBytes: reading.maxRowBytes, signal });
        onSurvey?.(survey);
        yield* importBody({ collection, body, survey, reading, signal });
      } finally {
        incoming.discard(body);
      }
    },
    importLater({ collection, body, onMade }) {
      const { path: _, ...facts } = body;
      const params: ImportParams = facts;
      try {
        return runner.enqueue({
          type: 'import',
          collection: collection.info.name,
          params,
          onMade,
          prepare: (uid) => incoming.settle(body, bodyPath(directory, uid)),
        });
      } catch (error) {
        incoming.discard(body);
        throw error;
      }
    },
    duplicates: ({ collection, onMade, ...params }) =>
      runner.enqueue({ type: 'duplicates', collection: collection.info.name, params, onMade }),
    compact: ({ collection, onMade }) =>
      runner.enqueue({ type: 'compact', collection: collection.info.name, onMade }),
    snapshot: (making) => runner.enqueue({ type: 'snapshot', total: 1, ...making }),
    close: () => runner.close(),
  };
}
