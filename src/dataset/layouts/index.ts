// The published layouts by name, and which of them a folder has.

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CARS } from './cars.ts';
import { CUB } from './cub.ts';
import { IN_SHOP } from './in-shop.ts';
import type { Layout } from './layout.ts';
import { SOP } from './sop.ts';

export const LAYOUTS = { cub: CUB, cars: CARS, sop: SOP, 'in-shop': IN_SHOP } as const satisfies Record<
  string,
  Layout
>;

export interface FoundLayout {
  readonly layout: Layout;
  /** The folder itself, or the archive's folder in it. */
  readonly folder: string;
}

/** The first layout of `among` (default: all) whose lists are in `path`, or undefined. */
export async function findLayout(path: string, among?: readonly Layout[]): Promise<FoundLayout | undefined> {
  for (const layout of among ?? Object.values<Layout>(LAYOUTS)) {
    for (const folder of [path, ...layout.archives.map((name) => join(path, name))]) {
      for (const mark of layout.marks) {
        const found = await stat(join(folder, mark)).then(
          (info) => info.isFile(),
          () => false,
        );
        if (found) return { layout, folder };
      }
    }
  }
  return undefined;
}
