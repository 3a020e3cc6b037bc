// A folder with one sub-folder per class. Deeper folders belong to the class above them.

import { readdir } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import type { Dataset, DatasetProblem, DatasetRow } from './row.ts';

const IMAGE = /\.(jpe?g|png|webp|gif|avif|tiff?)$/i;

/** Ids are paths relative to the folder, with `/`; rows are in the order of their ids, whatever the file system says. */
export async function readFolder(options: { path: string }): Promise<Dataset> {
  const entries = await readdir(options.path, { recursive: true, withFileTypes: true });
  const ids = entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => relative(options.path, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .filter((id) => !id.split('/').some((part) => part.startsWith('.')))
    .sort();
  const rows: DatasetRow[] = [];
  const problems: DatasetProblem[] = [];
  ids.forEach((id, i) => {
    const line = i + 1;
    const cut = id.indexOf('/');
    if (!IMAGE.test(id)) problems.push({ line, reason: `not an image by its name: ${id}` });
    else if (cut < 0) problems.push({ line, reason: `not in a class folder: ${id}` });
    else
      rows.push({
        line,
        id,
        label: id.slice(0, cut),
        image: join(options.path, id),
        tags: [],
        attributes: {},
      });
  });
  return { rows, problems };
}
