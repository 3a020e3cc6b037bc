// DeepFashion's In-Shop Clothes Retrieval: Eval/list_eval_partition.txt says train, query or gallery. Its papers search
// img.zip (256 px), not img_highres.zip.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Box } from '../row.ts';
import { collectRows, type Layout, type Line, neededLines, type RowCollector, textLines } from './layout.ts';

const TITLE = 'In-Shop Clothes Retrieval';
const LIST = 'list_eval_partition.txt';
const BOXES = 'list_bbox_inshop.txt';
const STATUSES = ['train', 'query', 'gallery'] as const;

export const IN_SHOP: Layout = {
  title: TITLE,
  marks: [`Eval/${LIST}`, LIST],
  archives: [
    'In-shop Clothes Retrieval Benchmark',
    'In-Shop Clothes Retrieval Benchmark',
    'In-shop',
    'inshop',
  ],
  async read(folder) {
    const rows = collectRows();
    const lines = (await textLines(folder, `Eval/${LIST}`)) ?? (await neededLines(folder, LIST, TITLE));
    const boxLines = (await textLines(folder, `Anno/${BOXES}`)) ?? (await textLines(folder, BOXES));
    // img.zip unpacks beside the lists, or where the download keeps it.
    const images = existsSync(join(folder, 'Img', 'img')) ? join(folder, 'Img') : folder;
    const boxes = boxesOf(boxLines ?? [], rows);
    for (const { line, text } of withoutHeader(lines, 'image_name')) {
      const [, path, label, status] = /^(\S.*?)\s+(\S+)\s+(\S+)$/.exec(text) ?? [];
      const known = STATUSES.find((name) => name === status);
      if (path === undefined || label === undefined || known === undefined) {
        rows.refuse(line, `${LIST}: expected image_name item_id train|query|gallery, received "${text}"`);
        continue;
      }
      const [, people, kind] = path.split('/');
      const box = boxes.get(path);
      rows.add(
        {
          ...{ line, id: path, label, image: join(images, path) },
          ...(people && kind ? { attributes: { people, kind } } : {}),
          split: known === 'train' ? 'train' : 'test',
          ...(known === 'train' ? {} : { role: known }),
          ...(box === undefined ? {} : { box }),
        },
        LIST,
      );
    }
    return rows.dataset();
  },
};

/** The count and the names of the columns come first. */
function withoutHeader(lines: readonly Line[], first: string): readonly Line[] {
  const at = lines.slice(0, 2).findIndex(({ text }) => text.startsWith(first));
  return lines.slice(at + 1);
}

/** `image_name clothes_type pose_type x_1 y_1 x_2 y_2`. */
function boxesOf(lines: readonly Line[], rows: RowCollector): Map<string, Box> {
  const boxes = new Map<string, Box>();
  for (const { line, text } of withoutHeader(lines, 'image_name')) {
    const [, path, ...corners] = /^(\S.*?)\s+\d+\s+\d+\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$/.exec(text) ?? [];
    if (path === undefined) rows.refuse(line, `${BOXES}: expected seven columns, received "${text}"`);
    else {
      const [x, y, right, bottom] = corners.map(Number) as [number, number, number, number];
      boxes.set(path, { x, y, width: right - x, height: bottom - y });
    }
  }
  return boxes;
}
