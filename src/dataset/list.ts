// Lists without a header, `path,label` a line, as PRISM and XBM pass them on. Paths in them are of their authors' machine: what
// the lists have in common at the front is dropped until the images are found. A noise list of PRISM gets the right
// labels too, where the clean list lies beside it.

import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { collectRows } from './layouts/layout.ts';
import type { Dataset } from './row.ts';

const IMAGE = /\.(jpe?g|png|webp|gif|avif|tiff?)$/i;
const PRISM_NOISE = /^(.+?)_[\d.]+(?:smallcluster)?noised(?:_cleaned)?_train\.csv$/i;
const LOOKED_AT = 20;

/** A first line of two cells of which the first is an image's path has no column names. */
export function isList(text: string): boolean {
  const first = /^\uFEFF?([^\r\n]*)/.exec(text)![1]!;
  return IMAGE.test(cells(first)?.path ?? '');
}

/** `images`: folder that the paths begin in, after what is dropped of them. Attribute `clean_label` as above. */
export async function readList(options: { text: string; file: string; images: string }): Promise<Dataset> {
  const rows = collectRows();
  const name = basename(options.file);
  const clean = await cleanLabels(options.file);
  const found: { line: number; path: string; label: string }[] = [];
  for (const [i, raw] of options.text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
    if (raw.trim() === '') continue;
    const parts = cells(raw);
    if (parts) found.push({ line: i + 1, ...parts });
    else rows.refuse(i + 1, `${name}: expected path,label, received "${raw.trim()}"`);
  }
  const place = await placeOf(
    found.slice(0, LOOKED_AT).map(({ path }) => path),
    options.images,
  );
  for (const { line, path, label } of found) {
    const right = clean?.get(path);
    const row = { line, id: path, label, image: place(path) };
    rows.add(right === undefined ? row : { ...row, attributes: { clean_label: right } }, name);
  }
  return rows.dataset();
}

/** The last comma splits: paths may have some, labels not. */
function cells(line: string): { path: string; label: string } | undefined {
  const cut = line.lastIndexOf(',');
  if (cut < 1) return undefined;
  const unquoted = line
    .slice(0, cut)
    .trim()
    .replace(/^"(.*)"$/, '$1');
  return { path: unquoted.replaceAll('\\', '/'), label: line.slice(cut + 1).trim() };
}

async function cleanLabels(file: string): Promise<Map<string, string> | undefined> {
  const match = PRISM_NOISE.exec(basename(file));
  if (match === null) return undefined;
  const text = await readFile(join(dirname(file), `${match[1]}_train.csv`), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split(/\r?\n/).map((line) => cells(line));
  return new Map(lines.flatMap((parts) => (parts ? [[parts.path, parts.label] as const] : [])));
}

/** As few leading folders are dropped as bring one of the first images into being; none where none does. */
async function placeOf(paths: readonly string[], images: string): Promise<(path: string) => string> {
  const depth = Math.max(0, ...paths.map((path) => path.split('/').length));
  for (let dropped = 0; dropped < depth; dropped++) {
    for (const path of paths) {
      const there = await stat(without(path, dropped, images)).then(
        (info) => info.isFile(),
        () => false,
      );
      if (there) return (each) => without(each, dropped, images);
    }
  }
  return (path) => resolve(images, path);
}

function without(path: string, dropped: number, images: string): string {
  return dropped === 0 ? resolve(images, path) : join(images, ...path.split('/').slice(dropped));
}
