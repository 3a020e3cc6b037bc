// /v1/snapshots and /v1/snapshots/{name}

import { createReadStream } from 'node:fs';
import { z } from 'zod';
import type { SnapshotFile } from '../../../src/tasks/snapshots.ts';
import type { Tasks } from '../../../src/tasks/tasks.ts';
import type { Route } from '../../http/route.ts';
import * as shown from '../../schemas/task-replies.ts';
import { made } from './tasks.ts';

export function snapshotRoutes({ tasks }: { tasks: Tasks }): Route[] {
  const snapshot = '/v1/snapshots/:name';
  return [
    {
      method: 'post',
      path: '/v1/snapshots',
      once: true,
      scope: 'admin',
      doc: { summary: 'Take a snapshot, as a task', accepted: shown.task },
      handle: ({ record }) => made((onMade) => tasks.snapshot({ onMade }), record),
    },
    {
      method: 'get',
      path: '/v1/snapshots',
      scope: 'admin',
      doc: { summary: 'All snapshots', result: shown.snapshots },
      handle: () => ({ result: { snapshots: tasks.snapshots.list().map(showSnapshot) } }),
    },
    {
      method: 'get',
      path: snapshot,
      scope: 'admin',
      doc: { summary: 'Download a snapshot', media: { 'application/octet-stream': undefined } },
      handle({ params }) {
        const { name, bytes, path } = tasks.snapshots.find(params.name!);
        return {
          stream: createReadStream(path),
          headers: {
            'Content-Type': 'application/octet-stream',
            'Content-Length': String(bytes),
            'Content-Disposition': `attachment; filename="${name}"`,
          },
        };
      },
    },
    {
      method: 'delete',
      path: snapshot,
      scope: 'admin',
      doc: { summary: 'Delete a snapshot', result: z.literal(true) },
      handle({ params }) {
        tasks.snapshots.delete(params.name!);
        return { result: true };
      },
    },
  ];
}

function showSnapshot({ name, bytes, createdAt }: SnapshotFile): object {
  return { name, bytes, created_at: new Date(createdAt).toISOString() };
}
