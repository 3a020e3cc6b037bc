// Stanford Online Products as its archive unpacks: Ebay_train.txt and Ebay_test.txt, which share no class.

import { join } from 'node:path';
import { collectRows, type Layout, neededLines, textLines } from './layout.ts';

const TITLE = 'Stanford Online Products';

export const SOP: Layout = {
  title: TITLE,
  marks: ['Ebay_train.txt'],
  archives: ['Stanford_Online_Products'],
  async read(folder) {
    const rows = collectRows();
    for (const split of ['train', 'test'] as const) {
      const name = `Ebay_${split}.txt`;
      const lines =
        split === 'train' ? await neededLines(folder, name, TITLE) : await textLines(folder, name);
      if (lines === undefined) rows.refuse(0, `${name} is missing`);
      for (const { line, text } of lines ?? []) {
        if (line === 1 && text.startsWith('image_id')) continue;
        const [, , label, kind, path] = /^(\d+)\s+(\d+)\s+(\d+)\s+(\S.*)$/.exec(text) ?? [];
        if (label === undefined || kind === undefined || path === undefined) {
          rows.refuse(line, `${name}: expected image_id class_id super_class_id path, received "${text}"`);
          continue;
        }
        const category = path.split('/')[0]!.replace(/_final$/, '');
        const row = { line, id: path, label, image: join(folder, path), split };
        rows.add({ ...row, attributes: { category, super_class_id: Number(kind) } }, name);
      }
    }
    return rows.dataset();
  },
};
