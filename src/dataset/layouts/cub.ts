// CUB-200-2011 as its archive unpacks. The split is that of zero-shot retrieval, classes 1 to 100 against 101 to 200; the
// archive's own train_test_split.txt, which shares classes, is the attribute `closed_set`.

import { join } from 'node:path';
import type { Box } from '../row.ts';
import { collectRows, keyed, type Layout, neededLines, textLines } from './layout.ts';

const TITLE = 'CUB-200-2011';
const TRAIN_CLASSES = 100;

export const CUB: Layout = {
  title: TITLE,
  marks: ['image_class_labels.txt'],
  archives: ['CUB_200_2011'],
  async read(folder) {
    const rows = collectRows();
    const needed = async (name: string) => keyed(await neededLines(folder, name, TITLE), name, rows);
    const optional = async (name: string) => keyed((await textLines(folder, name)) ?? [], name, rows);
    const images = await neededLines(folder, 'images.txt', TITLE);
    const classOf = await needed('image_class_labels.txt');
    const names = await needed('classes.txt');
    const boxes = await optional('bounding_boxes.txt');
    const closed = await optional('train_test_split.txt');
    for (const { line, text } of images) {
      const [, number, path] = /^(\d+)\s+(.+)$/.exec(text) ?? [];
      const refuse = (reason: string) => rows.refuse(line, `images.txt: ${reason}`);
      if (number === undefined || path === undefined) {
        refuse(`expected a number and a path, received "${text}"`);
        continue;
      }
      const classNumber = classOf.get(number);
      const label = names.get(classNumber ?? '');
      if (classNumber === undefined) refuse(`image ${number} has no line in image_class_labels.txt`);
      else if (label === undefined) refuse(`class ${classNumber} has no line in classes.txt`);
      else {
        const side = closed.get(number);
        const box = boxOf(boxes.get(number));
        rows.add(
          {
            ...{ line, id: path, label, image: join(folder, 'images', path) },
            split: Number(classNumber) <= TRAIN_CLASSES ? 'train' : 'test',
            ...(side === undefined ? {} : { attributes: { closed_set: side === '1' ? 'train' : 'test' } }),
            ...(box === undefined ? {} : { box }),
          },
          'images.txt',
        );
      }
    }
    return rows.dataset();
  },
};

/** `x y width height`. */
function boxOf(text: string | undefined): Box | undefined {
  const [x, y, width, height, ...rest] = (text ?? '').split(/\s+/).map(Number);
  if (height === undefined || rest.length > 0 || ![x, y, width, height].every(Number.isFinite))
    return undefined;
  return { x: x!, y: y!, width: width!, height };
}
